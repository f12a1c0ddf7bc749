#pragma once

#include <cstddef>
#include <new>

namespace keel::detail {

/// Makes `new T` and `delete` use memory again that the thread has used for a `T` before. Asio's own
/// recycling keeps two blocks; with many calls in flight that is one allocation for nearly every call.
///
/// A thread keeps at most `most_kept` blocks, until it ends. A block may be freed on another thread than it
/// was allocated on. Off where Asio's recycling is off, for address sanitizers cannot see through it.
template <class T>
class recycled
{
public:
    static void* operator new(std::size_t size)
    {
#ifndef BOOST_ASIO_DISABLE_SMALL_BLOCK_RECYCLING
        auto& own = kept();
        if (size == sizeof(T) && own.first) {
            auto* const block = own.first;
            own.first = block->next;
            --own.count;
            return block;
        }
#endif
        return ::operator new(size);
    }

    static void operator delete(void* block, [[maybe_unused]] std::size_t size) noexcept
    {
#ifndef BOOST_ASIO_DISABLE_SMALL_BLOCK_RECYCLING
        auto& own = kept();
        if (size == sizeof(T) && own.count < most_kept) {
            own.first = new (block) free_block{own.first};
            ++own.count;
            return;
        }
#endif
        ::operator delete(block);
    }

private:
    static constexpr std::size_t most_kept = 256;

    struct free_block
    {
        free_block* next;
    };
    struct stack
    {
        free_block* first = nullptr;
        std::size_t count = 0;

        ~stack()
        {
            count = most_kept; // what is freed on this thread from now on is not kept
            while (first) {
                auto* const next = first->next;
                ::operator delete(first);
                first = next;
            }
        }
    };

    static stack& kept() noexcept
    {
        static thread_local stack own;
        return own;
    }
};

} // namespace keel::detail
