#pragma once

#include <keel/core/time.hpp>

#include <cstdint>

namespace keel {

/// The plain token of a permit that a gate has granted: what the gate must know again when it is settled.
struct grant
{
    /// The gate's generation when the permit was granted: news from an older one changes nothing. Or whatever
    /// number the gate knows the permit by.
    std::uint64_t generation = 0;
    /// When it was granted; of a reservation, the time it is for.
    time_point at{};
    /// How many units of the gate's capacity it holds.
    std::uint32_t weight = 1;

    friend bool operator==(grant const&, grant const&) = default;
};

} // namespace keel
