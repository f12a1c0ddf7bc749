#pragma once

#include <cstddef>

namespace keel::detail {

/// What two threads write must be this far apart, or each waits for the other. A guess: too small costs time
/// on processors with longer lines, and nothing else. (The standard's constant depends on compiler flags.)
inline constexpr std::size_t cache_line = 64;

} // namespace keel::detail
