#include <keel/policy/circuit_breaker.hpp>

#include <algorithm>
#include <type_traits>

namespace keel {
namespace {

template <class... Cases>
struct match : Cases...
{
    using Cases::operator()...;
};
template <class... Cases>
match(Cases...) -> match<Cases...>;

void check(time_window const& w, option_faults& faults)
{
    faults.require(w.size > duration::zero(), "window.size", w.size, "above 0");
    faults.require(w.buckets >= 1 && w.buckets <= 1000, "window.buckets", w.buckets, "1 to 1000");
    faults.require(w.size <= duration::zero() || w.size.count() >= static_cast<duration::rep>(w.buckets),
                   "window.size", w.size, "at least a nanosecond for each bucket");
}

void check(count_window const& w, option_faults& faults)
{
    faults.require(w.size >= 1 && w.size <= 1'000'000, "window.size", w.size, "1 to 1000000");
}

void check(consecutive_window const& w, option_faults& faults)
{
    faults.require(w.failures >= 1, "window.failures", w.failures, "at least 1");
}

bool is_ratio(std::optional<double> r) { return !r || (*r > 0.0 && *r <= 1.0); }

} // namespace

std::string_view to_string(circuit_state s) noexcept
{
    switch (s) {
    case circuit_state::closed: return "closed";
    case circuit_state::open: return "open";
    case circuit_state::half_open: return "half_open";
    case circuit_state::forced_open: return "forced_open";
    }
    return "unknown";
}

option_faults validate(circuit_breaker_options const& o)
{
    option_faults faults;
    std::visit([&](auto const& window) { check(window, faults); }, o.window);
    faults.require(o.min_calls >= 1, "min_calls", o.min_calls, "at least 1");
    faults.require(is_ratio(o.failure_ratio), "failure_ratio", o.failure_ratio.value_or(0),
                   "above 0 up to 1, or nullopt");
    faults.require(is_ratio(o.slow_ratio), "slow_ratio", o.slow_ratio.value_or(0),
                   "above 0 up to 1, or nullopt");
    faults.require(!o.slow_call || *o.slow_call >= duration::zero(), "slow_call",
                   o.slow_call.value_or(duration::zero()), "0 or more, or nullopt");
    faults.require(!o.slow_ratio || o.slow_call, "slow_call", "nullopt",
                   "a duration, because slow_ratio is set");
    faults.require(!o.slow_ratio || !std::holds_alternative<consecutive_window>(o.window), "slow_ratio",
                   o.slow_ratio.value_or(0), "nullopt, because the window is consecutive");
    faults.require(o.failure_ratio || o.slow_ratio || std::holds_alternative<consecutive_window>(o.window),
                   "failure_ratio", "nullopt",
                   "a ratio, unless slow_ratio is set or the window is consecutive");
    faults.require(o.open_for > duration::zero(), "open_for", o.open_for, "above 0");
    faults.require(o.open_multiplier >= 1.0 && o.open_multiplier <= 100.0, "open_multiplier",
                   o.open_multiplier, "1 to 100");
    faults.require(!o.open_max || *o.open_max > duration::zero(), "open_max",
                   o.open_max.value_or(duration::zero()), "above 0, or nullopt");
    faults.require(o.half_open_permits >= 1, "half_open_permits", o.half_open_permits, "at least 1");
    faults.require(!o.half_open_max || *o.half_open_max > duration::zero(), "half_open_max",
                   o.half_open_max.value_or(duration::zero()), "above 0, or nullopt");
    return faults;
}

namespace policy {
namespace {

constexpr std::uint64_t off = billion + 1;

// A ratio too small for billionths must not become 0, which successes would reach.
std::uint64_t limit_of(std::optional<double> ratio)
{
    return ratio ? std::max<std::uint64_t>(billionths(*ratio), 1) : off;
}

} // namespace

circuit_breaker::circuit_breaker(circuit_breaker_options options)
    : options_(checked("circuit_breaker", std::move(options))),
      failure_limit_(limit_of(options_.failure_ratio)),
      slow_limit_(limit_of(options_.slow_ratio)),
      window_(std::visit(
          match{[](time_window const& w) -> decltype(window_) { return bucket_ring(w.size, w.buckets); },
                [](count_window const& w) -> decltype(window_) { return outcome_ring(w.size); },
                [](consecutive_window const&) -> decltype(window_) { return failure_run{}; }},
          options_.window))
{}

admission circuit_breaker::admit(time_point now)
{
    return std::visit([&](auto& state) { return admit_while(state, now); }, state_);
}

admission circuit_breaker::admit_while(closed&, time_point now)
{
    return admission::granted({generation_, now, 1});
}

admission circuit_breaker::admit_while(open& state, time_point now)
{
    if (now < state.until) return admission::refused(errc::circuit_open, state.until);
    enter(half_open{now});
    return admit(now);
}

admission circuit_breaker::admit_while(half_open& state, time_point now)
{
    if (options_.half_open_max && saturating_sub(now, state.since) >= *options_.half_open_max) {
        trip(now);
        return admission::refused(errc::circuit_open, std::get<open>(state_).until);
    }
    if (state.in_flight + state.trials.total >= options_.half_open_permits)
        return admission::refused(errc::circuit_half_open);
    ++state.in_flight;
    return admission::granted({generation_, now, 1});
}

admission circuit_breaker::admit_while(forced_open&, time_point)
{
    return admission::refused(errc::circuit_forced_open);
}

bool circuit_breaker::settle(grant pass, verdict v, time_point now)
{
    if (pass.generation != generation_) return false;
    auto const failed = v == verdict::failure || v == verdict::throttled;
    auto const slow = options_.slow_call && saturating_sub(now, pass.at) > *options_.slow_call;

    auto* const trial = std::get_if<half_open>(&state_);
    if (trial) --trial->in_flight;
    if (v == verdict::ignored) return false;
    if (trial)
        count_trial(*trial, failed, slow, now);
    else
        count_while_closed(failed, slow, now);
    return true;
}

void circuit_breaker::count_while_closed(bool failed, bool slow, time_point now)
{
    auto const trips =
        std::visit(match{[&](bucket_ring& w) {
                             w.add(failed, slow, now);
                             return too_many(w.sum(now));
                         },
                         [&](outcome_ring& w) {
                             w.add(failed, slow);
                             return too_many(w.sum());
                         },
                         [&](failure_run& run) {
                             run.length = failed ? run.length + 1 : 0;
                             return run.length >= std::get<consecutive_window>(options_.window).failures;
                         }},
                   window_);
    if (trips) trip(now);
}

void circuit_breaker::count_trial(half_open& state, bool failed, bool slow, time_point now)
{
    state.trials += tally{1, failed ? 1U : 0U, slow ? 1U : 0U};
    if (is_consecutive() && failed) return trip(now);
    if (state.trials.total == options_.half_open_permits) judge_trials(state.trials, now);
}

void circuit_breaker::judge_trials(tally const& trials, time_point now)
{
    auto const bad =
        !is_consecutive() && over_a_limit(trials); // one failure would have tripped a consecutive one
    if (bad)
        trip(now);
    else
        become_closed();
}

bool circuit_breaker::too_many(tally const& t) const noexcept
{
    if (t.total < needed_calls()) return false;
    return over_a_limit(t);
}

bool circuit_breaker::over_a_limit(tally const& t) const noexcept
{
    return t.failed * billion >= failure_limit_ * t.total || t.slow * billion >= slow_limit_ * t.total;
}

std::size_t circuit_breaker::needed_calls() const noexcept
{
    auto const* const window = std::get_if<count_window>(&options_.window);
    return window ? std::min(options_.min_calls, window->size) : options_.min_calls;
}

void circuit_breaker::trip(time_point now)
{
    auto const period = open_period();
    ++openings_;
    enter(open{saturating_add(now, period)});
}

void circuit_breaker::become_closed()
{
    openings_ = 0;
    enter(closed{});
}

template <class State>
void circuit_breaker::enter(State state)
{
    ++generation_;
    std::visit(match{[](failure_run& run) { run.length = 0; }, [](auto& window) { window.clear(); }},
               window_);
    state_ = state;
}

duration circuit_breaker::open_period() const noexcept
{
    auto const limit =
        exact_duration(std::max(options_.open_max.value_or(duration::max()), options_.open_for));
    auto const growth = billionths(options_.open_multiplier);
    auto period = std::min(exact_duration(options_.open_for), limit);
    for (std::uint32_t i = 0; i < openings_ && growth > billion && period < limit; ++i)
        period = std::min(period.scaled(growth, billion), limit);
    return period.floor();
}

void circuit_breaker::force_open(time_point) { enter(forced_open{}); }
void circuit_breaker::force_close(time_point) { become_closed(); }

bool circuit_breaker::is_timeless() const noexcept
{
    return !options_.slow_call && !std::holds_alternative<time_window>(options_.window);
}

// A success never raises a ratio; it opens the circuit only by bringing the calls to the number that is
// needed.
bool circuit_breaker::is_safe_from_success() const noexcept
{
    if (state() != circuit_state::closed) return false;
    auto const* const ring = std::get_if<outcome_ring>(&window_);
    return is_consecutive() || (ring && ring->sum().total >= needed_calls());
}

circuit_state circuit_breaker::state() const noexcept { return static_cast<circuit_state>(state_.index()); }

circuit_breaker_snapshot circuit_breaker::snapshot(time_point now) const
{
    circuit_breaker_snapshot seen;
    seen.state = state();
    seen.generation = generation_;
    if (auto const* trial = std::get_if<half_open>(&state_)) {
        seen.window = trial->trials;
        seen.trials_in_flight = trial->in_flight;
        return seen;
    }
    if (auto const* period = std::get_if<open>(&state_)) seen.opens_until = period->until;
    std::visit(match{[&](bucket_ring const& w) { seen.window = w.sum(now); },
                     [&](outcome_ring const& w) { seen.window = w.sum(); },
                     [&](failure_run const& run) { seen.consecutive_failures = run.length; }},
               window_);
    return seen;
}

} // namespace policy
} // namespace keel
