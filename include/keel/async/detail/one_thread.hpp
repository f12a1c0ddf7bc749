#pragma once

#include <atomic>

#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

// A locked instruction costs as much as twenty plain ones, also where there is nobody to lock out. The C
// library's mutex and `std::shared_ptr` spare it while the process has one thread, and so do we.

namespace keel::detail {

/// Whether the process has no other thread, and so nobody comes between what this one reads and writes. When
/// it starts one, that thread sees all that was written before.
inline bool is_only_thread() noexcept
{
#if __has_include(<sys/single_threaded.h>)
    return __libc_single_threaded != 0;
#else
    return false;
#endif
}

/// As `word.compare_exchange_weak`, for what this thread has just seen there.
template <class T>
bool replace(std::atomic<T>& word, T& seen, T wanted, std::memory_order order) noexcept
{
    if (!is_only_thread()) return word.compare_exchange_weak(seen, wanted, order, std::memory_order_relaxed);
    word.store(wanted, std::memory_order_relaxed);
    return true;
}

} // namespace keel::detail
