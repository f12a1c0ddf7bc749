#pragma once

#include <cstdint>

namespace keel {

/// A uniform draw from [0, 1), as an exact fraction.
///
/// Policies are told the chance, as they are told the time; they never draw. A fraction and not a double,
/// so that a delay computed from it is exact to the nanosecond on every platform.
/// `numerator < denominator`, and `denominator` is at most 2^62.
struct chance
{
    std::uint64_t numerator = 0;
    std::uint64_t denominator = 1;

    /// The draw a 64-bit random word stands for: its upper 53 bits.
    static constexpr chance from_bits(std::uint64_t word) noexcept
    {
        return {word >> 11U, std::uint64_t{1} << 53U};
    }
};

} // namespace keel
