#pragma once

#include <atomic>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

namespace keel::detail {

/// True only if the process has no second thread. The C library knows; where it does not tell: false.
inline bool is_only_thread() noexcept
{
#if __has_include(<sys/single_threaded.h>)
    return __libc_single_threaded != 0;
#else
    return false;
#endif
}

/// A lock for a few instructions: one locked instruction where `std::mutex` has two, and like `std::mutex`
/// none while the process has one thread. That unlocking is a plain store lets the processor begin with what
/// comes after while it waits for memory.
///
/// It knows of no waiters, so they spin, then yield, then sleep for a moment: fair to nobody, and slow if it
/// were held for long. Under it: no system call, no other lock, no user's code; memory is allocated at most
/// to double an array.
class brief_lock
{
public:
    brief_lock() = default;
    brief_lock(brief_lock const&) = delete;
    brief_lock& operator=(brief_lock const&) = delete;

    void lock() noexcept
    {
        if (!take()) wait();
    }

    void unlock() noexcept { taken_.store(false, std::memory_order_release); }

private:
    bool take() noexcept
    {
        if (!is_only_thread()) return !taken_.exchange(true, std::memory_order_acquire);
        if (taken_.load(std::memory_order_relaxed)) return false;
        taken_.store(true, std::memory_order_relaxed);
        return true;
    }

    void wait() noexcept;

    std::atomic<bool> taken_{false};
};

} // namespace keel::detail
