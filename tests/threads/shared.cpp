#include "shared.hpp"

#include <chrono>
#include <limits>

namespace keel::threads {
namespace {

using namespace std::chrono_literals;

circuit_breaker_options breaker_options()
{
    circuit_breaker_options o;
    o.window = consecutive_window{12};
    o.open_for = 200us;
    o.open_multiplier = 1;
    return o;
}

bulkhead_options bulkhead_options_of(std::size_t most)
{
    bulkhead_options o;
    o.max_concurrent = most;
    o.max_queue = 16;
    o.max_wait = 5ms;
    return o;
}

rate_limiter_options limiter_options()
{
    rate_limiter_options o;
    o.permits = 1'000'000;
    o.burst = 64;
    o.max_wait = 1ms;
    return o;
}

retry_options retry_options_of(std::uint32_t attempts)
{
    retry_options o;
    o.max_attempts = attempts;
    exponential pause;
    pause.base = 50us;
    pause.cap = 200us;
    o.backoff = pause;
    o.retry_rejected = true;
    return o;
}

timeout_options limit(duration of, on_expiry when = cooperate)
{
    timeout_options o;
    o.limit = of;
    o.on_expiry = when;
    return o;
}

retry_budget_options shared_budget()
{
    retry_budget_options o;
    concurrency_share share;
    share.min_retries = 4;
    o.kind = share;
    return o;
}

} // namespace

// The first two do not abandon, so that what they let in can be counted.
shared::shared()
    : breaker_(breaker_options()),
      compartment_(bulkhead_options_of(most)),
      abandoned_(bulkhead_options_of(4)),
      limiter_(limiter_options()),
      budget_(shared_budget())
{
    retry const twice(retry_options_of(2), budget_);
    pipelines_.emplace_back(twice, breaker_, compartment_);
    pipelines_.emplace_back(timeout(limit(20ms)), twice, limiter_, compartment_, timeout(limit(1ms)));
    pipelines_.emplace_back(timeout(limit(20ms)), abandoned_, breaker_, timeout(limit(1ms, abandon)));
    pipelines_.emplace_back(timeout(limit(2ms, grace(500us))), abandoned_, limiter_);
}

int shared::report(std::ostream& out, std::uint64_t calls) const
{
    auto const now = steady_now() + 1h;
    auto broken = 0;
    auto const expect = [&](bool holds, char const* what) {
        if (holds) return;
        ++broken;
        out << "\n  FAILED: " << what;
    };
    out << ended << " calls, " << ok << " ok, " << failed << " failed, " << cancelled << " cancelled, "
        << by_timeout << " timed out, " << refused << " refused";
    expect(started == calls, "not every call was made");
    expect(ended == calls, "not every call has ended once");
    expect(ok + failed + cancelled + by_timeout + refused + wrong == calls, "the ends do not add up");
    expect(wrong == 0, "calls have ended as they must not");
    expect(running == 0, "operations are still running");
    expect(most_inside <= most, "more operations at once than the bulkhead allows");
    for (auto const& b : {compartment_, abandoned_}) {
        expect(b.snapshot().running == 0, "permits are out");
        expect(b.snapshot().waiting == 0, "calls are waiting");
    }
    expect(breaker_.snapshot(now).trials_in_flight == 0, "trials are in flight");
    expect(budget_.snapshot(now).active_calls == 0, "the budget counts calls");
    expect(budget_.snapshot(now).active_retries == 0, "the budget counts retries");
    expect(limiter_.snapshot(now).available == limiter_.snapshot(now).burst, "rate permits are out");
    for (auto const& p : pipelines_) expect(p.orphans() == 0, "orphans are left");
    expect(ok * 100 >= calls, "too few calls have run to tell anything");
    expect(cancelled * 200 >= calls, "too few calls were cancelled to tell anything");
    out << '\n';
    return broken;
}

} // namespace keel::threads
