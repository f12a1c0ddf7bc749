#pragma once

#include <keel/core/chance.hpp>
#include <keel/core/time.hpp>

#include <cstdint>

namespace keel::policy {

/// A non-negative number of nanoseconds with 64 bits after the point.
///
/// Every operation rounds the last bit up. So a result that is a whole number stays one, and one that is not
/// is floored correctly unless it lies closer to the next whole number than the rounding of the steps before
/// it: in practice, exact rational arithmetic without big integers. Saturates at `duration::max()`.
class exact_duration
{
public:
    constexpr exact_duration() = default;
    /// Negative durations count as zero.
    explicit exact_duration(duration) noexcept;

    /// This times `multiply / divide`, where `divide` is not 0 and both are at most 2^63.
    exact_duration scaled(std::uint64_t multiply, std::uint64_t divide) const noexcept;
    exact_duration scaled(chance u) const noexcept { return scaled(u.numerator, u.denominator); }

    exact_duration plus(exact_duration) const noexcept;
    /// This minus `other`, or zero when `other` is larger.
    exact_duration minus(exact_duration other) const noexcept;

    /// Rounded down to a nanosecond.
    duration floor() const noexcept;

    friend constexpr auto operator<=>(exact_duration const&, exact_duration const&) = default;

private:
    std::uint64_t whole_ = 0;
    std::uint64_t fraction_ = 0;
};

/// A ratio the user wrote as a double, as the decimal that was meant: 0.1 is 100 000 000 billionths.
constexpr std::uint64_t billionths(double ratio) noexcept
{
    return static_cast<std::uint64_t>(ratio * 1e9 + 0.5);
}

inline constexpr std::uint64_t billion = 1'000'000'000;

/// `floor(at / width * parts)`: which of `parts` equal slices of `width`, aligned to time 0, `at` falls into.
/// Stops one short of the largest number; only slices no wider than a nanosecond get that far.
std::int64_t slice_of(time_point at, duration width, std::uint64_t parts) noexcept;

} // namespace keel::policy
