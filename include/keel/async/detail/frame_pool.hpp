#pragma once

#include <cstddef>

namespace keel::detail {

/// Memory for coroutine frames and for what lives as long as a call: blocks that the thread has freed before.
/// Asio's own recycling keeps two frames of up to 1020 bytes; with many calls in flight that is an allocation
/// for nearly every frame.
///
/// A thread keeps a bounded number of blocks of each size, until it ends. A block may be freed on another
/// thread than it was allocated on. Off where Asio's recycling is off, for address sanitizers cannot see
/// through it.
struct frame_pool
{
    /// \throws std::bad_alloc
    static void* allocate(std::size_t size);
    static void deallocate(void* block, std::size_t size) noexcept;
};

/// Lets `new T` and `delete` use the pool.
struct pooled
{
    static void* operator new(std::size_t size) { return frame_pool::allocate(size); }
    static void operator delete(void* block, std::size_t size) noexcept
    {
        frame_pool::deallocate(block, size);
    }
};

} // namespace keel::detail
