#pragma once

#include <keel/core/time.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace keel::policy {

/// The generic cell rate algorithm (ITU-T I.371, virtual scheduling): one number of state, the theoretical
/// arrival time. Admits exactly what a token bucket of the same burst and rate admits. Not thread-safe.
class gcra
{
public:
    /// \param interval the time one unit takes; above 0
    /// \param burst    units that may come at once; they must take at most 145 years
    gcra(duration interval, std::uint32_t burst);

    /// As `token_bucket::take`.
    std::optional<time_point> take(std::uint32_t n, time_point now, duration max_wait);
    /// As `token_bucket::take_now`.
    bool take_now(std::uint32_t n, time_point now)
    {
        if (n > burst_) return false;
        auto const next = after(n, now);
        if (opens(next) > now) return false;
        if (n > 0) arrival_ = next;
        return true;
    }
    /// As `token_bucket::when`.
    std::optional<time_point> when(std::uint32_t n, time_point now) const;
    /// As `token_bucket::give_back`.
    void give_back(std::uint32_t n, time_point now);

    /// Until the burst is whole again.
    duration reset_after(time_point now) const;
    /// Units that could come at once, rounded down; negative under debt.
    std::int64_t available(time_point now) const;

private:
    duration cost(std::uint32_t n) const { return interval_ * static_cast<std::int64_t>(n); }
    /// The theoretical arrival time once `n` units have come, and when those may come at the earliest.
    time_point after(std::uint32_t n, time_point now) const
    {
        return saturating_add(std::max(now, arrival_), cost(n));
    }
    time_point opens(time_point after) const { return saturating_add(after, -cost(burst_)); }

    duration interval_;
    std::uint32_t burst_;
    time_point arrival_{}; ///< The theoretical arrival time.
};

} // namespace keel::policy
