#pragma once

#include "support/dice.hpp"

#include <keel/core/time.hpp>

#include <cmath>
#include <cstdint>
#include <numbers>

namespace keel::figures {

/// The random delays and failures of the models, from a fixed seed.
class chances
{
public:
    explicit chances(std::uint64_t seed) : dice_(seed) {}

    /// Uniform, from [0, 1).
    double uniform() { return static_cast<double>(dice_.word() >> 11U) * 0x1p-53; }

    bool happens(double probability) { return uniform() < probability; }

    duration exponential(duration mean) { return part_of(mean, -std::log1p(-uniform())); }

    /// Normally distributed, by the method of Box and Muller.
    duration normal(duration mean, duration deviation)
    {
        auto const radius = std::sqrt(-2 * std::log1p(-uniform()));
        return mean + part_of(deviation, radius * std::cos(2 * std::numbers::pi * uniform()));
    }

private:
    static duration part_of(duration whole, double part)
    {
        return duration(std::llround(static_cast<double>(whole.count()) * part));
    }

    tests::dice dice_;
};

} // namespace keel::figures
