#pragma once

#include <cstdint>

/// Replaces `operator new` and `aligned_alloc` (which Asio uses) of this program.
namespace keel::scarce {

inline constexpr std::uint64_t none = ~std::uint64_t{0};

/// This thread's allocations are counted anew from 0 on, outside of `simulated::plenty`; number `failing`
/// fails.
void begin(std::uint64_t failing) noexcept;
/// From here on none fails and none is counted.
/// \returns how many there were
std::uint64_t end() noexcept;

/// Blocks that the program has allocated and not freed.
std::int64_t outstanding() noexcept;

} // namespace keel::scarce
