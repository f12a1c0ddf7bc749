// Policies without a pipeline and without coroutines: ask, do the work, report.

#include "check.hpp"

#include <keel/bulkhead.hpp>
#include <keel/circuit_breaker.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <iostream>
#include <memory>

namespace asio = boost::asio;

// [usage]
void legacy_call(asio::any_io_executor const& executor, std::function<void(bool ok)> done);

void guarded_call(asio::any_io_executor const& executor, keel::circuit_breaker const& breaker,
                  keel::bulkhead const& compartment)
{
    auto place = std::make_shared<keel::permit>(compartment.try_acquire());
    auto trial = std::make_shared<keel::permit>(breaker.try_acquire());
    if (!*place || !*trial) {
        std::cout << "refused: " << (*place ? trial : place)->error().message() << '\n';
        return; // a permit that was granted goes home by itself
    }
    legacy_call(executor, [place, trial](bool ok) {
        trial->settle(ok ? keel::verdict::success : keel::verdict::failure);
        place->settle(keel::verdict::success);
    });
}
// [/usage]

void legacy_call(asio::any_io_executor const& executor, std::function<void(bool ok)> done)
{
    asio::post(executor, [done = std::move(done)] { done(false); });
}

asio::awaitable<void> example()
{
    keel::circuit_breaker const breaker{{.window = keel::consecutive_window{.failures = 2}}};
    keel::bulkhead const compartment{{.max_concurrent = 1}};
    auto const executor = co_await asio::this_coro::executor;
    for (auto i = 0; i < 3; ++i) {
        guarded_call(executor, breaker, compartment);
        guarded_call(executor, breaker, compartment); // the first is still in flight
        co_await asio::post(executor, asio::use_awaitable);
    }
    check(breaker.state() == keel::circuit_state::open, "two failures in a row");
    check(compartment.snapshot().running == 0, "every permit is home");
}
