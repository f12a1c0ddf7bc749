#pragma once

// A test in front of a gate: asks and reports as a call would, at a time it names.

#include <keel/async/gate.hpp>

namespace keel {

inline admission admit_at(gate& g, time_point now, turn_waiter* waiter = nullptr)
{
    moment at(now);
    return g.admit({.now = at, .waiter = waiter});
}

inline bool withdraw_at(gate& g, time_point now, turn_waiter& waiter)
{
    moment at(now);
    return g.withdraw(waiter, {.now = at});
}

inline void settle_at(gate& g, grant const& pass, verdict v, time_point now)
{
    moment at(now);
    g.settle(pass, v, {.now = at});
}

} // namespace keel
