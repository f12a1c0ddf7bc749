#include <keel/async/detail/frame_pool.hpp>

#include <array>
#include <cstdint>
#include <new>

namespace keel::detail {

#ifdef BOOST_ASIO_DISABLE_SMALL_BLOCK_RECYCLING

void* frame_pool::allocate(std::size_t size) { return ::operator new(size); }
void frame_pool::deallocate(void* block, std::size_t) noexcept { ::operator delete(block); }

#else

namespace {

constexpr std::size_t granule = 64;
constexpr std::size_t classes = 64; ///< Up to 4 KiB.
constexpr std::uint16_t most_kept = 256;

struct free_block
{
    free_block* next;
};

struct stack
{
    free_block* first;
    std::uint16_t kept;
};

// Trivial, so that it may be used while other things of the thread are being destroyed, and costs no check.
struct stacks
{
    std::array<stack, classes> of_size;
    bool watched; ///< The thread will free them when it ends.
    bool closed;  ///< It has.
};

thread_local constinit stacks own{};

struct end_of_thread
{
    ~end_of_thread()
    {
        own.closed = true;
        for (auto& s : own.of_size)
            while (auto* const block = s.first) {
                s.first = block->next;
                ::operator delete(block);
            }
    }
    void watch() noexcept { own.watched = true; }
};

thread_local end_of_thread at_the_end;

std::size_t class_of(std::size_t size) noexcept { return (size - 1) / granule; }

} // namespace

void* frame_pool::allocate(std::size_t size)
{
    auto const of = class_of(size);
    if (of >= classes) return ::operator new(size);
    auto& s = own.of_size[of];
    auto* const block = s.first;
    if (!block) return ::operator new((of + 1) * granule);
    s.first = block->next;
    --s.kept;
    return block;
}

void frame_pool::deallocate(void* block, std::size_t size) noexcept
{
    auto const of = class_of(size);
    if (of >= classes || own.closed || own.of_size[of].kept == most_kept) return ::operator delete(block);
    if (!own.watched) at_the_end.watch();
    auto& s = own.of_size[of];
    s.first = new (block) free_block{s.first};
    ++s.kept;
}

#endif

} // namespace keel::detail
