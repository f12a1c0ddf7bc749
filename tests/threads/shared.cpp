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
    o.max_queue = 64;
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

limited_executor_options lanes()
{
    limited_executor_options o;
    o.max_running = 1;
    o.max_queue = 12;
    return o;
}

constexpr std::uint32_t hosts = 16;

circuit_breaker_registry_options registry_options()
{
    circuit_breaker_registry_options o;
    o.breaker = breaker_options();
    o.max_entries = hosts * 3 / 4;
    return o;
}

/// Has room for half of the hosts.
pipeline_family_options family_options()
{
    pipeline_family_options o;
    o.max_entries = hosts / 2;
    return o;
}

verdict dislikes_two(int const& answer) { return answer == 2 ? verdict::failure : verdict::success; }

} // namespace

// The first two do not abandon, so that what they let in can be counted.
shared::shared()
    : breaker_(breaker_options()),
      compartment_(bulkhead_options_of(most)),
      abandoned_(bulkhead_options_of(16)),
      limiter_(limiter_options()),
      budget_(shared_budget()),
      elsewhere_(bulkhead_options_of(16), run_on(limited_executor(pool_, lanes()))),
      hosts_(registry_options()),
      per_host_(family_options(), [this](std::string_view host) { return for_host(host); })
{
    retry const twice(retry_options_of(2), budget_);
    pipelines_.emplace_back(twice, breaker_, compartment_);
    pipelines_.emplace_back(timeout(limit(20ms)), twice, limiter_, compartment_, timeout(limit(1ms)));
    pipelines_.emplace_back(timeout(limit(20ms)), abandoned_, breaker_, timeout(limit(1ms, abandon)));
    pipelines_.emplace_back(timeout(limit(2ms, grace(500us))), abandoned_, limiter_);
    pipelines_.emplace_back(timeout(limit(20ms)), twice, elsewhere_);
    pipelines_.emplace_back(fallback{0}, judged(twice, dislikes_two), breaker_, elsewhere_);
}

pipeline shared::through(std::size_t kind, std::uint32_t chance) const
{
    if (kind < pipelines_.size()) return pipelines_[kind];
    auto const host = "host " + std::to_string(chance % hosts);
    try {
        return per_host_.get(host);
    } catch (boost::system::system_error const&) { // no room for the host, in the family or in the registry
        return pipelines_.front();
    }
}

pipeline shared::for_host(std::string_view host) const
{
    return pipeline{timeout(limit(5ms)), hosts_.get(host), bulkhead(bulkhead_options_of(4))};
}

int shared::report(std::ostream& out, std::uint64_t calls, drain_report const* drained) const
{
    auto const now = steady_now() + 1h;
    auto broken = 0;
    auto const expect = [&](bool holds, char const* what) {
        if (holds) return;
        ++broken;
        out << "\n  FAILED: " << what;
    };
    out << ended << " calls, " << ok << " ok, " << failed << " failed, " << cancelled << " cancelled, "
        << by_timeout << " timed out, " << refused << " refused, " << answered << " answered, " << stopped
        << " stopped (" << called_off << " had begun); " << per_host_.snapshot().built << " pipelines for "
        << hosts << " hosts";
    expect(started == calls, "not every call was made");
    expect(ended == calls, "not every call has ended once");
    expect(ok + failed + cancelled + by_timeout + refused + answered + stopped + wrong == calls,
           "the ends do not add up");
    expect(wrong == 0, "calls have ended as they must not");
    expect(running == 0, "operations are still running");
    expect(most_inside <= most, "more operations at once than the bulkhead allows");
    for (auto const& b : {compartment_, abandoned_, elsewhere_}) {
        expect(b.snapshot().running == 0, "permits are out");
        expect(b.snapshot().waiting == 0, "calls are waiting");
    }
    expect(breaker_.snapshot(now).trials_in_flight == 0, "trials are in flight");
    expect(budget_.snapshot(now).active_calls == 0, "the budget counts calls");
    expect(budget_.snapshot(now).active_retries == 0, "the budget counts retries");
    expect(limiter_.snapshot(now).available == limiter_.snapshot(now).burst, "rate permits are out");
    for (auto const& p : pipelines_) expect(p.orphans() == 0, "orphans are left");
    for (auto const& host : per_host_.entries(now)) expect(!host.in_use, "the pipeline of a host is held");
    for (auto const& host : hosts_.entries(now))
        expect(host.seen.trials_in_flight == 0, "a host's trials are in flight");
    if (drained) {
        expect(stopping, "nothing was drained");
        expect(drained->left == 0, "calls go on after the drain");
        expect(drained->cancelled >= called_off, "more calls were cancelled than the drain has told of");
        expect(stopped * 4 >= calls, "calls were let in after the drain had begun");
    }
    expect(ok * 50 >= calls, "too few calls have run to tell anything");
    expect(cancelled * 200 >= calls, "too few calls were cancelled to tell anything");
    out << '\n';
    return broken;
}

} // namespace keel::threads
