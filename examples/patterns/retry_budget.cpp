// One budget for all that is retried against one target: in an outage it is spent, and the load stays what it was.

#include "check.hpp"

#include <keel/keel.hpp>

#include <iostream>

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// The target that everybody calls. It is down.
asio::awaitable<int> ask(int& asked)
{
    ++asked;
    throw boost::system::system_error(asio::error::connection_refused);
    co_return 0; // never
}

asio::awaitable<void> example()
{
    // [usage]
    keel::retry_budget const budget{{.kind = keel::success_bucket{.size = 10, .deposit = 0.2}}};
    keel::pipeline const reads{
        keel::retry{{.max_attempts = 4, .backoff = keel::constant{.base = 1ms}}, budget}};
    keel::pipeline const writes{
        keel::retry{{.max_attempts = 2, .backoff = keel::constant{.base = 1ms}}, budget}};
    // [/usage]

    auto asked = 0;
    auto refused = 0;
    for (auto i = 0; i < 100; ++i) {
        auto const read = co_await reads.run([&] { return ask(asked); });
        auto const write = co_await writes.run([&] { return ask(asked); });
        for (auto const* end : {&read, &write})
            if (end->report().stopped == keel::retry_stop::budget) ++refused;
    }
    std::cout << asked << " requests for 200 calls; " << refused << " calls were not retried any more\n";
    check(asked == 210, "ten retries were in stock, and nothing has earned another");
}
