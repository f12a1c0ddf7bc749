// A scope: cheap timeouts, a deadline that is inherited, and what a call knows of itself.

#include "check.hpp"

#include <keel/keel.hpp>

#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <iostream>

namespace asio = boost::asio;
using namespace std::chrono_literals;

// [usage]
asio::awaitable<int> query()
{
    auto const call = co_await keel::this_call();
    std::cout << "request " << call.trace_id << ", attempt " << call.attempt << '\n';
    co_await keel::sleep_for(1h);
    co_return 1;
}

asio::awaitable<bool> handle_request(keel::pipeline database)
{
    auto const answer = co_await database.run(query); // inherits the deadline of the scope
    co_return answer.ended_by() == keel::ended_by::deadline;
}

asio::awaitable<bool> serve(keel::pipeline database)
{
    auto const executor = co_await asio::this_coro::executor;
    auto about = keel::call_context().traced_by("4711").expiring(keel::now(executor) + 20ms);
    auto const late =
        co_await keel::co_spawn(executor, handle_request(std::move(database)), asio::use_awaitable, about);
    co_return late;
}
// [/usage]

asio::awaitable<void> example()
{
    keel::pipeline const database{keel::timeout{{.limit = 5s}}};
    auto const late = co_await serve(database);
    check(late, "the deadline of the request ended the query");

    // [overrides]
    auto const end = co_await database.with(keel::overrides().limit(5ms).no_retry()).run(query);
    // [/overrides]
    check(end.error() == keel::errc::timed_out, "a call may ask for less");
}
