#include <keel/policy/circuit_breaker.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

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

std::size_t needed_calls_of(circuit_breaker_options const& o)
{
    auto const* const window = std::get_if<count_window>(&o.window);
    return window ? std::min(o.min_calls, window->size) : o.min_calls;
}

/// The trial calls of a half-open circuit. They lie where the window does, which is in use while it is
/// closed.
struct trials
{
    std::uint32_t in_flight = 0;
    std::uint32_t total = 0;
    std::uint32_t failed = 0;
    std::uint32_t slow = 0;

    static constexpr std::size_t words = 2;

    static trials in(word const* at) { return std::bit_cast<trials>(std::array{at[0], at[1]}); }
    void write_to(word* at) const
    {
        auto const written = std::bit_cast<std::array<word, words>>(*this);
        std::copy(written.begin(), written.end(), at);
    }

    tally ended() const noexcept { return {total, failed, slow}; }
};

} // namespace

circuit_rules::circuit_rules(circuit_breaker_options options)
    : options_(checked("circuit_breaker", std::move(options))),
      window_(std::visit(
          match{[](time_window const& w) -> decltype(window_) { return bucket_ring(w.size, w.buckets); },
                [&](count_window const& w) -> decltype(window_) {
                    return outcome_ring(w.size, options_.slow_call.has_value());
                },
                [](consecutive_window const&) -> decltype(window_) { return failure_run{}; }},
          options_.window)),
      words_(std::max(std::visit([](auto const& window) { return window.words(); }, window_), trials::words)),
      failure_limit_(limit_of(options_.failure_ratio)),
      slow_limit_(limit_of(options_.slow_ratio)),
      needed_calls_(needed_calls_of(options_)),
      trials_(static_cast<std::uint32_t>(
          std::min<std::size_t>(options_.half_open_permits, std::numeric_limits<std::uint32_t>::max()))),
      timeless_(!options_.slow_call && !std::holds_alternative<time_window>(options_.window))
{}

bool circuit_rules::too_many(tally const& t) const noexcept
{
    return t.total >= needed_calls_ && over_a_limit(t);
}

bool circuit_rules::over_a_limit(tally const& t) const noexcept
{
    __extension__ using wide = unsigned __int128; // a window of time has no largest number of calls
    return wide{t.failed} * billion >= wide{failure_limit_} * t.total ||
           wide{t.slow} * billion >= wide{slow_limit_} * t.total;
}

duration circuit_rules::open_period(std::uint32_t earlier_openings) const noexcept
{
    auto const limit =
        exact_duration(std::max(options_.open_max.value_or(duration::max()), options_.open_for));
    auto const growth = billionths(options_.open_multiplier);
    auto period = std::min(exact_duration(options_.open_for), limit);
    for (std::uint32_t i = 0; i < earlier_openings && growth > billion && period < limit; ++i)
        period = std::min(period.scaled(growth, billion), limit);
    return period.floor();
}

admission circuit_control::admit(time_point now)
{
    switch (circuit_.state) {
    case circuit_state::closed: break;
    case circuit_state::open: return admit_while_open(now);
    case circuit_state::half_open: return admit_while_half_open(now);
    case circuit_state::forced_open: return admission::refused(errc::circuit_forced_open);
    }
    return admission::granted({circuit_.generation, now, 1});
}

admission circuit_control::admit_while_open(time_point now)
{
    if (now < circuit_.mark) return admission::refused(errc::circuit_open, circuit_.mark);
    enter(circuit_state::half_open, now);
    return admit_while_half_open(now);
}

admission circuit_control::admit_while_half_open(time_point now)
{
    auto const longest = rules_.options_.half_open_max;
    if (longest && saturating_sub(now, circuit_.mark) >= *longest) {
        trip(now);
        return admission::refused(errc::circuit_open, circuit_.mark);
    }
    auto trial = trials::in(window_);
    if (trial.total >= rules_.trials_ || trial.in_flight >= rules_.trials_ - trial.total)
        return admission::refused(errc::circuit_half_open);
    ++trial.in_flight;
    trial.write_to(window_);
    return admission::granted({circuit_.generation, now, 1});
}

bool circuit_control::settle(grant const& pass, verdict v, time_point now)
{
    if (pass.generation != circuit_.generation) return false;
    auto const failed = v == verdict::failure || v == verdict::throttled;
    auto const& slow_call = rules_.options_.slow_call;
    auto const slow = slow_call && saturating_sub(now, pass.at) > *slow_call;

    auto const is_trial = circuit_.state == circuit_state::half_open;
    if (is_trial) {
        auto trial = trials::in(window_);
        --trial.in_flight;
        trial.write_to(window_);
    }
    if (v == verdict::ignored) return false;
    if (is_trial)
        count_trial(failed, slow, now);
    else
        count_while_closed(failed, slow, now);
    return true;
}

void circuit_control::count_while_closed(bool failed, bool slow, time_point now)
{
    auto const trips = std::visit(match{[&](bucket_ring const& w) {
                                            w.add(window_, failed, slow, now);
                                            return rules_.too_many(w.sum(window_, now));
                                        },
                                        [&](outcome_ring const& w) {
                                            w.add(window_, failed, slow);
                                            return rules_.too_many(w.sum(window_));
                                        },
                                        [&](failure_run const& run) {
                                            run.add(window_, failed);
                                            auto const& limit =
                                                std::get<consecutive_window>(rules_.options_.window);
                                            return run.length(window_) >= limit.failures;
                                        }},
                                  rules_.window_);
    if (trips) trip(now);
}

void circuit_control::count_trial(bool failed, bool slow, time_point now)
{
    auto trial = trials::in(window_);
    trial.total += 1;
    trial.failed += failed ? 1U : 0U;
    trial.slow += slow ? 1U : 0U;
    trial.write_to(window_);
    if (rules_.is_consecutive() && failed) return trip(now);
    if (trial.total < rules_.trials_) return;
    if (!rules_.is_consecutive() && rules_.over_a_limit(trial.ended())) return trip(now);
    force_close();
}

void circuit_control::trip(time_point now)
{
    auto const period = rules_.open_period(circuit_.openings);
    if (circuit_.openings < std::numeric_limits<std::uint16_t>::max()) ++circuit_.openings;
    enter(circuit_state::open, saturating_add(now, period));
}

void circuit_control::force_close()
{
    circuit_.openings = 0;
    enter(circuit_state::closed);
}

void circuit_control::enter(circuit_state next, time_point mark)
{
    ++circuit_.generation;
    circuit_.state = next;
    circuit_.mark = mark;
    if (next == circuit_state::half_open) return trials{}.write_to(window_);
    std::visit([&](auto const& window) { window.clear(window_); }, rules_.window_);
}

// A success never raises a ratio; it opens the circuit only by bringing the calls to the number that is
// needed.
bool circuit_view::is_safe_from_success() const noexcept
{
    if (circuit_.state != circuit_state::closed) return false;
    if (auto const* const ring = std::get_if<outcome_ring>(&rules_.window_))
        return ring->sum(window_).total >= rules_.needed_calls_;
    return rules_.is_consecutive();
}

// Of a ring that is full of successes each place is like the other, so that going on to the next one is not
// seen. A window of time counts one more in any case.
bool circuit_view::is_unmoved_by_success() const noexcept
{
    if (circuit_.state != circuit_state::closed) return false;
    if (auto const* const ring = std::get_if<outcome_ring>(&rules_.window_)) {
        auto const seen = ring->sum(window_);
        return ring->is_full(window_) && seen.failed == 0 && seen.slow == 0;
    }
    return rules_.is_consecutive() && failure_run::length(window_) == 0;
}

circuit_breaker_snapshot circuit_view::snapshot(time_point now) const
{
    circuit_breaker_snapshot seen;
    seen.state = circuit_.state;
    seen.generation = circuit_.generation;
    if (circuit_.state == circuit_state::half_open) {
        auto const trial = trials::in(window_);
        seen.window = trial.ended();
        seen.trials_in_flight = trial.in_flight;
        return seen;
    }
    seen.opens_until = circuit_.opens_until();
    std::visit(match{[&](bucket_ring const& w) { seen.window = w.sum(window_, now); },
                     [&](outcome_ring const& w) { seen.window = w.sum(window_); },
                     [&](failure_run const& run) { seen.consecutive_failures = run.length(window_); }},
               rules_.window_);
    return seen;
}

} // namespace policy
} // namespace keel
