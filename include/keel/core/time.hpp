#pragma once

#include <chrono>
#include <optional>
#include <type_traits>

namespace keel {

/// The one notion of time below `async/`: a value of the monotonic clock, handed in by the caller. Not before
/// its epoch, where windows and `gcra` begin to count.
using time_point = std::chrono::steady_clock::time_point;

/// Nanoseconds, signed. Every duration option of the library has this type.
using duration = std::chrono::steady_clock::duration;

// Both do what wraps around on unsigned numbers, where it may, and look at the signs: one test that is never
// met, where limits to compare with would first have to be found.

/// `at + by`, clamped to the range of `time_point` instead of wrapping around.
constexpr time_point saturating_add(time_point at, duration by) noexcept
{
    using wrapping = std::make_unsigned_t<duration::rep>;
    auto const a = at.time_since_epoch().count();
    auto const b = by.count();
    auto const sum = static_cast<duration::rep>(static_cast<wrapping>(a) + static_cast<wrapping>(b));
    if (((a ^ sum) & (b ^ sum)) < 0) return a < 0 ? time_point::min() : time_point::max();
    return time_point(duration(sum));
}

/// `to - from`, clamped to the range of `duration` instead of wrapping around.
constexpr duration saturating_sub(time_point to, time_point from) noexcept
{
    using wrapping = std::make_unsigned_t<duration::rep>;
    auto const a = to.time_since_epoch().count();
    auto const b = from.time_since_epoch().count();
    auto const gap = static_cast<duration::rep>(static_cast<wrapping>(a) - static_cast<wrapping>(b));
    if (((a ^ b) & (a ^ gap)) < 0) return a < 0 ? duration::min() : duration::max();
    return duration(gap);
}

/// The earlier of two deadlines, where "none" is later than any.
constexpr std::optional<time_point> earlier(std::optional<time_point> a, std::optional<time_point> b) noexcept
{
    if (!a) return b;
    if (!b) return a;
    return *a < *b ? a : b;
}

} // namespace keel
