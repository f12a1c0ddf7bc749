#pragma once

#include "book.hpp"

#include <keel/testing/simulation.hpp>

namespace keel::simulated {

/// Complains of everything that has not come home: permits, places in queues, trials, retries, orphans,
/// deadlines, and results. For a world in which nothing can happen any more.
void check_all_home(book&, testing::simulation&);

/// The same, but for results.
void check_at_rest(book&, testing::simulation& world);

/// The same for what can be told when the world's context is gone.
void check_permits_home(book&, time_point now);

/// That nothing which operations or the user's functions captured is left, when every handle and the context
/// are gone.
void check_nothing_leaks(book&);

} // namespace keel::simulated
