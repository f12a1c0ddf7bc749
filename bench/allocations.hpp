#pragma once

#include <cstddef>
#include <cstdint>

namespace bench {

/// What was asked of the malloc family; `operator new`, aligned or not, ends there too.
struct allocations
{
    std::uint64_t count = 0;
    std::uint64_t bytes = 0; ///< As requested. What was freed meanwhile is not subtracted.
};

/// All that this thread has allocated since it began.
allocations allocated_here() noexcept;

/// Bytes of the heap in use by all threads now, with malloc's own headers.
std::size_t heap_in_use() noexcept;

} // namespace bench
