#pragma once

#include <keel/core/option_faults.hpp>

#include <cstddef>
#include <string>

namespace keel {

struct limited_executor_options
{
    /// For people: `limited_executor::name` gives it back.
    std::string name = "limited_executor";

    /// How many functions may run at once. At least 1. 1: one after the other, first in first out, as on a
    /// strand.
    std::size_t max_running = 1;

    /// How many functions may wait for others to end before `try_post` refuses. 0: `try_post` takes only what
    /// can run at once. Bounds `try_post` alone, see `limited_executor`.
    std::size_t max_queue = 10'000;
};

/// Every option out of range. Empty when the options can be used.
option_faults validate(limited_executor_options const&);

struct limited_executor_snapshot
{
    /// Functions that have a lane: they run, or the executor underneath has them and will run them next.
    std::size_t running = 0;
    /// Functions that wait for a lane. May exceed `max_queue`, see `limited_executor`.
    std::size_t queued = 0;
    std::size_t max_running = 0;
    std::size_t max_queue = 0;
};

} // namespace keel
