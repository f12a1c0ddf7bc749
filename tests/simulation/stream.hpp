#pragma once

#include <keel/core/time.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace keel::simulated {

/// Random numbers that cost a few instructions to make and to begin, and are the same with every compiler
/// (splitmix64). Never draw twice in one list of arguments: their order is the compiler's choice.
class stream
{
public:
    explicit stream(std::uint64_t seed) noexcept : state_(seed) {}

    /// A stream of its own for each pair of a seed and a number.
    stream(std::uint64_t seed, std::uint64_t number) noexcept
        : state_(stream(seed).word() ^ (number * 0xD1B54A32D192ED03U))
    {}

    std::uint64_t word() noexcept
    {
        state_ += 0x9E3779B97F4A7C15U;
        auto z = state_;
        z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
        z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
        return z ^ (z >> 31U);
    }

    /// 0 to n - 1; `n` is above 0.
    std::uint32_t below(std::uint32_t n) noexcept { return static_cast<std::uint32_t>(word() % n); }

    /// `low` to `high`, both included.
    std::uint32_t between(std::uint32_t low, std::uint32_t high) noexcept
    {
        return low + below(high - low + 1);
    }

    bool one_in(std::uint32_t n) noexcept { return below(n) == 0; }
    bool per_mille(std::uint32_t n) noexcept { return below(1000) < n; }

    /// Whole milliseconds, so that many things fall on the same instant.
    duration milliseconds(std::uint32_t low, std::uint32_t high) noexcept
    {
        return std::chrono::milliseconds(between(low, high));
    }

    template <class T, std::size_t N>
    T const& pick(std::array<T, N> const& from) noexcept
    {
        return from[below(static_cast<std::uint32_t>(N))];
    }

private:
    std::uint64_t state_;
};

} // namespace keel::simulated
