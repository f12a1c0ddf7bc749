// The end of a program that is full of calls: some may finish, the rest is cancelled, and nothing is lost.

#include "check.hpp"

#include <keel/keel.hpp>

#include <boost/asio/this_coro.hpp>

#include <iostream>

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<int> quick()
{
    co_await keel::sleep_for(1ms);
    co_return 1;
}

asio::awaitable<int> slow()
{
    co_await keel::sleep_for(1h);
    co_return 2;
}

void say(keel::outcome<int> const& o) { std::cout << o.why() << '\n'; }

asio::awaitable<void> example()
{
    auto const executor = co_await asio::this_coro::executor;
    auto& context = asio::query(executor, asio::execution::context);
    keel::pipeline const work{keel::timeout{{.limit = 2h}}};

    // [usage]
    keel::graceful_stop const stop(context); // before the first call

    work.async_run(executor, quick, say);
    work.async_run(executor, slow, say);

    keel::drain_report const end = co_await stop.drain({.grace = 20ms, .unwind = 1s}); // at SIGTERM, say
    std::cout << end.finished << " finished, " << end.cancelled << " cancelled, " << end.left << " left\n";
    // [/usage]
    check(end.finished == 1 && end.cancelled == 1 && end.left == 0, "each call has ended in its way");
}
