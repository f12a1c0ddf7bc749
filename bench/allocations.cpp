#include "allocations.hpp"

#include <cerrno>
#include <malloc.h>

// The malloc family of glibc, with a count before it. The counters belong to the thread and are always on: an
// increment of the thread's own memory, which is nothing beside an allocation, and nothing at all without
// one.

namespace {

thread_local constinit bench::allocations here;

void note(std::size_t bytes) noexcept
{
    ++here.count;
    here.bytes += bytes;
}

} // namespace

namespace bench {

allocations allocated_here() noexcept { return here; }

std::size_t heap_in_use() noexcept
{
    auto const info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

} // namespace bench

extern "C" {

void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) noexcept
{
    note(bytes);
    return __libc_malloc(bytes);
}

void* calloc(std::size_t count, std::size_t bytes) noexcept
{
    note(count * bytes);
    return __libc_calloc(count, bytes);
}

void* realloc(void* block, std::size_t bytes) noexcept
{
    note(bytes);
    return __libc_realloc(block, bytes);
}

void* memalign(std::size_t alignment, std::size_t bytes) noexcept
{
    note(bytes);
    return __libc_memalign(alignment, bytes);
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept
{
    note(bytes);
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void** block, std::size_t alignment, std::size_t bytes) noexcept
{
    note(bytes);
    *block = __libc_memalign(alignment, bytes);
    return *block ? 0 : ENOMEM;
}
}
