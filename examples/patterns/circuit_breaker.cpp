// A circuit breaker stops calling a dependency that fails, and finds out by itself when it is back.

#include "check.hpp"

#include <keel/keel.hpp>

#include <iostream>

namespace asio = boost::asio;
using namespace std::chrono_literals;

bool down = true;

asio::awaitable<int> stock_of(int article)
{
    if (down) throw std::runtime_error("connection refused");
    co_return article * 10;
}

asio::awaitable<void> example()
{
    // [usage]
    keel::circuit_breaker breaker{{
        .name = "stock",
        .window = keel::count_window{.size = 20},
        .min_calls = 5,
        .failure_ratio = 0.5,
        .open_for = 200ms,
        .half_open_permits = 2,
    }};
    keel::pipeline stock{breaker};
    // [/usage]

    for (auto call = 1; call <= 8; ++call) {
        auto const end = co_await stock.run(stock_of, 7);
        std::cout << "call " << call << ": " << to_string(end.ended_by()) << ", circuit "
                  << to_string(breaker.state()) << '\n';
    }
    check(breaker.state() == keel::circuit_state::open, "five failures open the circuit");

    down = false;
    co_await keel::sleep_for(210ms);
    for (auto trial = 1; trial <= 2; ++trial) (void)co_await stock(stock_of, 7);
    std::cout << "the dependency is back: circuit " << to_string(breaker.state()) << '\n';
    check(breaker.state() == keel::circuit_state::closed, "two good trial calls close it");
}
