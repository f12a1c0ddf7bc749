#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>

namespace keel::detail {

/// Memory for coroutine frames and for what lives as long as a call: blocks that the thread has freed before.
/// Asio's own recycling keeps two frames of up to 1020 bytes; with many calls in flight that is an allocation
/// for nearly every frame.
///
/// A thread keeps a bounded number of blocks of each size, until it ends. A block may be freed on another
/// thread than it was allocated on. Off where Asio's recycling is off, for address sanitizers cannot see
/// through it.
class frame_pool
{
public:
    /// \throws std::bad_alloc
    static void* allocate(std::size_t size)
    {
#ifndef BOOST_ASIO_DISABLE_SMALL_BLOCK_RECYCLING
        auto const of = class_of(size);
        if (of < classes) {
            auto& s = own.of_size[of];
            if (auto* const block = s.first) {
                s.first = block->next;
                --s.kept;
                return block;
            }
            size = (of + 1) * granule;
        }
#endif
        return ::operator new(size);
    }

    static void deallocate(void* block, [[maybe_unused]] std::size_t size) noexcept
    {
#ifndef BOOST_ASIO_DISABLE_SMALL_BLOCK_RECYCLING
        auto const of = class_of(size);
        if (of < classes && (own.is_watched || watch())) {
            auto& s = own.of_size[of];
            if (s.kept < most_kept) {
                s.first = new (block) free_block{s.first};
                ++s.kept;
                return;
            }
        }
#endif
        ::operator delete(block);
    }

private:
    static constexpr std::size_t granule = 64;
    static constexpr std::size_t classes = 64;       ///< Up to 4 KiB.
    static constexpr std::uint16_t most_kept = 1024; ///< Of each size: 130 MiB of all.

    struct free_block
    {
        free_block* next;
    };
    struct stack
    {
        free_block* first;
        std::uint16_t kept;
    };

    // Trivial, so that it may be used while other things of the thread are being destroyed, and needs no
    // check.
    struct stacks
    {
        std::array<stack, classes> of_size;
        bool is_watched; ///< They will be freed when the thread ends.
        bool is_over;    ///< They have been.
    };

    class end_of_thread;

    static std::size_t class_of(std::size_t size) noexcept { return (size - 1) / granule; }
    /// Sees to it that the blocks are freed. False: the thread is at its end.
    static bool watch() noexcept;

    static thread_local constinit stacks own;
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

/// Allocates from it; what needs a wider alignment than any fundamental type, from the heap.
template <class T>
struct pool_allocator
{
    using value_type = T;

    pool_allocator() = default;
    template <class U>
    pool_allocator(pool_allocator<U> const&) noexcept
    {}

    T* allocate(std::size_t n)
    {
        if constexpr (is_wide) return std::allocator<T>().allocate(n);
        return static_cast<T*>(frame_pool::allocate(n * sizeof(T)));
    }
    void deallocate(T* block, std::size_t n) noexcept
    {
        if constexpr (is_wide) return std::allocator<T>().deallocate(block, n);
        frame_pool::deallocate(block, n * sizeof(T));
    }

    friend bool operator==(pool_allocator const&, pool_allocator const&) = default;

private:
    static constexpr bool is_wide = alignof(T) > alignof(std::max_align_t);
};

} // namespace keel::detail
