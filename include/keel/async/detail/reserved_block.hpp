#pragma once

#include <atomic>
#include <cstddef>
#include <new>

namespace keel::detail {

/// Memory set aside for one block at a time, so that what must not fail cannot run out of memory. Larger
/// blocks, and a second one, come from the heap. Thread-safe.
class reserved_block
{
public:
    reserved_block() = default;
    reserved_block(reserved_block const&) = delete;
    reserved_block& operator=(reserved_block const&) = delete;

    /// Allocates from it. Refers to it.
    template <class T>
    class allocator
    {
    public:
        using value_type = T;

        explicit allocator(reserved_block& from) noexcept : from_(&from) {}
        template <class U>
        allocator(allocator<U> const& other) noexcept : from_(other.from_)
        {}

        T* allocate(std::size_t n)
        {
            static_assert(alignof(T) <= alignof(std::max_align_t));
            return static_cast<T*>(from_->take(n * sizeof(T)));
        }
        void deallocate(T* block, std::size_t) noexcept { from_->give_back(block); }

        friend bool operator==(allocator const&, allocator const&) = default;

    private:
        template <class U>
        friend class allocator;

        reserved_block* from_;
    };

private:
    void* take(std::size_t size)
    {
        if (size > sizeof(block_) || taken_.exchange(true, std::memory_order_acquire))
            return ::operator new(size);
        return block_;
    }

    void give_back(void* block) noexcept
    {
        if (block == block_)
            taken_.store(false, std::memory_order_release);
        else
            ::operator delete(block);
    }

    alignas(std::max_align_t) std::byte block_[256];
    std::atomic<bool> taken_{false};
};

} // namespace keel::detail
