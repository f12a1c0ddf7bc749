#pragma once

#include <keel/policy/circuit_breaker.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace keel::tests {

/// A circuit breaker as one would write it from its description alone: it keeps every counted outcome of its
/// generation, and looks through them again for each decision. Ratios are whole per cents here, the
/// multiplier is a whole number, and every duration is far from overflowing.
class naive_breaker
{
public:
    struct rules
    {
        std::size_t min_calls = 1;
        std::optional<std::size_t> failure_percent{};
        std::optional<std::size_t> slow_percent{};
        std::optional<duration> slow_call{};
        std::optional<std::size_t> last{};     ///< A count window of this size.
        std::optional<duration> slice{};       ///< A time window: slices of this width,
        std::int64_t slices = 1;               ///< and this many of them.
        std::optional<std::size_t> in_a_row{}; ///< A consecutive window.
        duration open_for{};
        std::int64_t open_multiplier = 1;
        std::optional<duration> open_max{};
        std::size_t permits = 1;
        std::optional<duration> half_open_max{};
    };

    explicit naive_breaker(rules const& r) : rules_(r) {}

    bool admit(time_point now)
    {
        if (state_ == circuit_state::open && now >= until_) enter(circuit_state::half_open, now);
        if (state_ == circuit_state::half_open && rules_.half_open_max &&
            now - since_ >= *rules_.half_open_max)
            trip(now);
        if (state_ == circuit_state::closed) return true;
        if (state_ != circuit_state::half_open || in_flight_ + outcomes_.size() >= rules_.permits)
            return false;
        ++in_flight_;
        return true;
    }

    bool settle(std::uint64_t generation, time_point admitted, verdict v, time_point now)
    {
        if (generation != generation_) return false;
        if (state_ == circuit_state::half_open) --in_flight_;
        if (v == verdict::ignored) return false;
        auto const failed = v == verdict::failure || v == verdict::throttled;
        outcomes_.push_back({failed, rules_.slow_call && now - admitted > *rules_.slow_call, now});
        judge(now);
        return true;
    }

    void force_open(time_point now) { enter(circuit_state::forced_open, now); }

    void force_close(time_point now)
    {
        openings_ = 0;
        enter(circuit_state::closed, now);
    }

    circuit_state state() const { return state_; }
    std::uint64_t generation() const { return generation_; }
    std::size_t in_flight() const { return in_flight_; }
    std::optional<time_point> until() const { return until_; }

    policy::tally window(time_point now) const
    {
        if (state_ == circuit_state::closed && rules_.in_a_row) return {};
        policy::tally seen;
        for (auto i = outcomes_.size(); i-- > 0 && counts(i, now);)
            seen += policy::tally{1, outcomes_[i].failed ? 1U : 0U, outcomes_[i].slow ? 1U : 0U};
        return seen;
    }

    std::size_t failures_in_a_row() const
    {
        if (state_ != circuit_state::closed || !rules_.in_a_row) return 0;
        auto const success =
            std::find_if(outcomes_.rbegin(), outcomes_.rend(), [](auto& o) { return !o.failed; });
        return static_cast<std::size_t>(success - outcomes_.rbegin());
    }

private:
    struct outcome
    {
        bool failed;
        bool slow;
        time_point at;
    };

    bool counts(std::size_t i, time_point now) const
    {
        if (state_ != circuit_state::closed) return true;
        if (rules_.last) return outcomes_.size() - i <= *rules_.last;
        auto const slice_of = [&](time_point t) { return t.time_since_epoch() / *rules_.slice; };
        return slice_of(outcomes_[i].at) > slice_of(now) - rules_.slices;
    }

    bool bad(policy::tally const& t) const
    {
        return (rules_.failure_percent && 100 * t.failed >= *rules_.failure_percent * t.total) ||
               (rules_.slow_percent && 100 * t.slow >= *rules_.slow_percent * t.total);
    }

    void judge(time_point now)
    {
        if (state_ == circuit_state::half_open) return judge_trials(now);
        if (rules_.in_a_row) {
            if (failures_in_a_row() == *rules_.in_a_row) trip(now);
            return;
        }
        auto const seen = window(now);
        auto const needed =
            std::min(rules_.min_calls, rules_.last.value_or(std::numeric_limits<std::size_t>::max()));
        if (seen.total >= needed && bad(seen)) trip(now);
    }

    void judge_trials(time_point now)
    {
        auto const trials = window(now);
        if (rules_.in_a_row && trials.failed > 0) return trip(now);
        if (trials.total < rules_.permits) return;
        if (!rules_.in_a_row && bad(trials)) return trip(now);
        force_close(now);
    }

    void trip(time_point now)
    {
        auto period = rules_.open_for;
        for (std::size_t i = 0; i < openings_ && period < duration(std::int64_t{1} << 50U); ++i)
            period *= rules_.open_multiplier;
        ++openings_;
        enter(circuit_state::open, now);
        until_ = now + std::min(period, rules_.open_max.value_or(period));
    }

    void enter(circuit_state next, time_point now)
    {
        state_ = next;
        since_ = now;
        until_.reset();
        ++generation_;
        in_flight_ = 0;
        outcomes_.clear();
    }

    rules rules_;
    circuit_state state_ = circuit_state::closed;
    std::uint64_t generation_ = 1;
    std::vector<outcome> outcomes_;
    std::size_t in_flight_ = 0;
    std::size_t openings_ = 0;
    time_point since_{};
    std::optional<time_point> until_{};
};

} // namespace keel::tests
