#pragma once

#include <keel/async/detail/one_thread.hpp>

#include <atomic>

namespace keel::detail {

/// A lock for a few instructions, at half the price of a mutex: one locked instruction to take it, none to
/// give it back. Whoever finds it taken spins, then yields, and at last sleeps for moments, so that a thread
/// that was interrupted while it had the lock is let run even by threads of a higher priority.
///
/// Not fair, not recursive, and nobody may wait for anything, or start a thread, while holding it. The only
/// thread of a process does not even mark it as taken: where memory is slow, each thing that is written waits
/// for those before it.
class brief_lock
{
public:
    void lock() noexcept
    {
        if (is_only_thread()) return;
        while (taken_.exchange(true, std::memory_order_acquire)) wait();
    }

    bool try_lock() noexcept { return is_only_thread() || !taken_.exchange(true, std::memory_order_acquire); }
    void unlock() noexcept
    {
        if (taken_.load(std::memory_order_relaxed)) taken_.store(false, std::memory_order_release);
    }

private:
    void wait() const noexcept;

    std::atomic<bool> taken_{false};
};

} // namespace keel::detail
