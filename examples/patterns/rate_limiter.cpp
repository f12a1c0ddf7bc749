// A token bucket: at most so many calls per second, with a burst; a call may wait a little for its token.

#include "check.hpp"

#include <keel/keel.hpp>

#include <iostream>

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<int> deliver(int message) { co_return message; }

asio::awaitable<void> example()
{
    // [usage]
    keel::rate_limiter limiter{{.permits = 100, .per = 1s, .burst = 3, .max_wait = 15ms}};
    keel::pipeline messages{limiter};
    // [/usage]

    for (auto i = 1; i <= 4; ++i) (void)co_await messages(deliver, i);
    std::cout << "a burst of three, and a fourth that waited for its token\n";

    // [synchronous]
    // Without a pipeline, from any code:
    auto permit = limiter.try_acquire();
    if (!permit) std::cout << permit.error().message() << '\n';
    // [/synchronous]
    check(static_cast<bool>(permit) == !permit.error(), "a permit or a reason");

    keel::rate_limiter strict{{.permits = 1, .per = 1h}};
    keel::pipeline hourly{strict};
    (void)co_await hourly(deliver, 1);
    auto const end = co_await hourly.run(deliver, 2);
    check(end.error() == keel::errc::rate_limited, "one an hour");
    check(end.attempts() == 0, "refused means not run");
}
