#pragma once

#include <keel/async/detail/one_thread.hpp>

#include <atomic>

namespace keel::detail {

/// A lock for a few instructions, at half the price of a mutex: one locked instruction to take it, none to
/// give it back. Whoever finds it taken spins, then yields, and at last sleeps for moments, so that a thread
/// that was interrupted while it had the lock is let run even by threads of a higher priority.
///
/// Not fair, not recursive, and nobody may wait for anything while holding it.
class brief_lock
{
public:
    void lock() noexcept
    {
        if (is_only_thread()) return taken_.store(true, std::memory_order_relaxed);
        while (taken_.exchange(true, std::memory_order_acquire)) wait();
    }

    bool try_lock() noexcept
    {
        if (!is_only_thread()) return !taken_.exchange(true, std::memory_order_acquire);
        taken_.store(true, std::memory_order_relaxed);
        return true;
    }
    void unlock() noexcept { taken_.store(false, std::memory_order_release); }

private:
    void wait() const noexcept;

    std::atomic<bool> taken_{false};
};

} // namespace keel::detail
