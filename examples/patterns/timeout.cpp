// Two timeouts: one for the whole call, one for each attempt. A timed out operation is cancelled and awaited.

#include "check.hpp"

#include <keel/keel.hpp>

#include <iostream>

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<int> slow_at_first(int& calls)
{
    co_await keel::sleep_for(++calls == 1 ? 10s : 1ms);
    co_return 42;
}

asio::awaitable<void> example()
{
    // [usage]
    keel::pipeline p{
        keel::timeout{{.name = "total", .limit = 2s}},
        keel::retry{{.max_attempts = 3, .backoff = keel::constant{.base = 1ms}}},
        keel::timeout{{.name = "attempt", .limit = 30ms}},
    };
    // [/usage]

    auto calls = 0;
    auto const value = co_await p([&] { return slow_at_first(calls); });
    std::cout << value << " at attempt " << calls << '\n';
    check(calls == 2, "the first attempt is cut short");

    // [outcome]
    keel::pipeline strict{keel::timeout{{.name = "strict", .limit = 5ms}}};
    auto again = 0;
    auto const end = co_await strict.run([&] { return slow_at_first(again); });
    if (end.error() == keel::condition::timed_out) std::cout << "ended by " << end.report().policy << '\n';
    // [/outcome]
    check(end.report().policy == "strict", "the outcome says who ended the call");
}
