#include "scarce.hpp"

#include "simulation/plenty.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace keel::scarce {
namespace {

struct order
{
    bool counts;
    std::uint64_t seen;
    std::uint64_t failing;
};

thread_local constinit order here{};
constinit std::atomic<std::int64_t> blocks{0};

/// A place for a debugger to stop at.
[[gnu::noinline]] bool runs_out() noexcept { return true; }

bool must_fail() noexcept
{
    if (!here.counts || simulated::plenty::here()) return false;
    return here.seen++ == here.failing && runs_out();
}

void* noted(void* block) noexcept
{
    if (block) blocks.fetch_add(1, std::memory_order_relaxed);
    return block;
}

void* or_throw(void* block)
{
    if (!block) throw std::bad_alloc();
    return noted(block);
}

void give_back(void* block) noexcept
{
    if (block) blocks.fetch_sub(1, std::memory_order_relaxed);
    std::free(block);
}

} // namespace

void begin(std::uint64_t failing) noexcept { here = {true, 0, failing}; }

std::uint64_t end() noexcept
{
    here.counts = false;
    return here.seen;
}

std::int64_t outstanding() noexcept { return blocks.load(std::memory_order_relaxed); }

} // namespace keel::scarce

using namespace keel::scarce;

// The linker sends every use of aligned_alloc here (--wrap), so that it works beside a sanitizer's own.
extern "C" {
void* __real_aligned_alloc(std::size_t, std::size_t);
void* __wrap_aligned_alloc(std::size_t alignment, std::size_t size)
{
    return must_fail() ? nullptr : __real_aligned_alloc(alignment, size);
}
}

void* operator new(std::size_t size) { return or_throw(must_fail() ? nullptr : std::malloc(size)); }
void* operator new(std::size_t size, std::nothrow_t const&) noexcept
{
    return noted(must_fail() ? nullptr : std::malloc(size));
}
void* operator new(std::size_t size, std::align_val_t alignment)
{
    auto const unit = static_cast<std::size_t>(alignment);
    auto const whole = (size + unit - 1) / unit * unit;
    return or_throw(must_fail() ? nullptr : __real_aligned_alloc(unit, whole));
}
void operator delete(void* block) noexcept { give_back(block); }
void operator delete(void* block, std::size_t) noexcept { give_back(block); }
void operator delete(void* block, std::nothrow_t const&) noexcept { give_back(block); }
void operator delete(void* block, std::align_val_t) noexcept { give_back(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { give_back(block); }
