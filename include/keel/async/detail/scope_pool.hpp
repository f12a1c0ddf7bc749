#pragma once

#include <keel/async/detail/scope.hpp>

#include <deque>
#include <mutex>
#include <vector>

namespace keel::detail {

/// The scopes of one context. They are never freed before it, so that executors may refer to them without
/// counting. Thread-safe.
class scope_pool
{
public:
    explicit scope_pool(runtime& home) : home_(home) {}

    scope& take();
    void put_back(scope&) noexcept;

private:
    runtime& home_;
    std::mutex mutex_;
    std::deque<scope> all_;
    std::vector<scope*> free_; ///< Has room for all.
};

} // namespace keel::detail
