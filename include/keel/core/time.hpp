#pragma once

#include <chrono>
#include <optional>

namespace keel {

/// The one notion of time below `async/`: a value of the monotonic clock, handed in by the caller.
using time_point = std::chrono::steady_clock::time_point;

/// Nanoseconds, signed. Every duration option of the library has this type.
using duration = std::chrono::steady_clock::duration;

/// `at + by`, clamped to the range of `time_point` instead of wrapping around.
constexpr time_point saturating_add(time_point at, duration by) noexcept
{
    if (by > duration::zero() && at > time_point::max() - by) return time_point::max();
    if (by < duration::zero() && at < time_point::min() - by) return time_point::min();
    return at + by;
}

/// `to - from`, clamped to the range of `duration` instead of wrapping around.
constexpr duration saturating_sub(time_point to, time_point from) noexcept
{
    auto const zero = time_point{};
    if (from < zero && to > time_point::max() + from.time_since_epoch()) return duration::max();
    if (from > zero && to < time_point::min() + from.time_since_epoch()) return duration::min();
    return to - from;
}

/// The earlier of two deadlines, where "none" is later than any.
constexpr std::optional<time_point> earlier(std::optional<time_point> a, std::optional<time_point> b) noexcept
{
    if (!a) return b;
    if (!b) return a;
    return *a < *b ? a : b;
}

} // namespace keel
