#pragma once

#include <keel/async/detail/scope.hpp>

#include <atomic>
#include <deque>
#include <mutex>
#include <vector>

namespace keel::detail {

/// The scopes of one context. They are never freed before it, so that executors may refer to them without
/// counting; threads that remember some keep them longer. Thread-safe.
class scope_pool
{
public:
    explicit scope_pool(runtime& home) : home_(home) {}

    scope& take();
    void put_back(scope&) noexcept;

    /// Its context's runtime has ended.
    bool is_over() const noexcept { return over_.load(std::memory_order_acquire); }
    void end() noexcept { over_.store(true, std::memory_order_release); }

private:
    runtime& home_;
    std::mutex mutex_;
    std::deque<scope> all_;
    std::vector<scope*> free_; ///< Has room for all.
    std::atomic<bool> over_{false};
};

} // namespace keel::detail
