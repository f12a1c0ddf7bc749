#pragma once

#include <keel/async/detail/scope.hpp>

#include <boost/container/deque.hpp>

#include <atomic>
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
    // In blocks, so that thousands of scopes are few pieces of the heap.
    using scopes =
        boost::container::deque<scope, void,
                                boost::container::deque_options_t<boost::container::block_size<32U>>>;

    scopes all_;
    std::vector<scope*> free_; ///< Has room for all.
    std::atomic<bool> over_{false};
};

} // namespace keel::detail
