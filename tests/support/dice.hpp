#pragma once

#include <keel/core/chance.hpp>
#include <keel/core/time.hpp>

#include <cstdint>
#include <random>

namespace keel::tests {

/// Random numbers that are the same on every platform, which those of the standard distributions are not.
class dice
{
public:
    explicit dice(std::uint64_t seed) : engine_(seed) {}

    std::uint64_t word() { return engine_(); }

    /// 0 to n - 1; `n` is above 0.
    template <class Integer>
    Integer below(Integer n)
    {
        return static_cast<Integer>(engine_() % static_cast<std::uint64_t>(n));
    }

    /// `low` to `high`, both included.
    template <class Integer>
    Integer between(Integer low, Integer high)
    {
        return static_cast<Integer>(low + below(static_cast<Integer>(high - low + 1)));
    }

    duration between(duration low, duration high) { return duration(between(low.count(), high.count())); }

    bool one_in(unsigned n) { return below(n) == 0; }

    chance draw() { return chance::from_bits(engine_()); }

private:
    std::mt19937_64 engine_;
};

} // namespace keel::tests
