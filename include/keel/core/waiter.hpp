#pragma once

#include <keel/core/grant.hpp>
#include <keel/core/time.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace keel {

/// One call that waits for its turn at a gate: a node that lives in the waiting call, never in the gate.
///
/// It must stay where it is, and alive, for as long as it is queued.
struct waiter
{
    waiter() = default;
    waiter(waiter const&) = delete;
    waiter& operator=(waiter const&) = delete;

    waiter* previous = nullptr;
    waiter* next = nullptr;
    /// Whether it is in the gate's queue. The gate's business: other lists leave it alone.
    bool queued = false;

    /// When this waiter stops waiting. `time_point::max()` is never.
    time_point deadline = time_point::max();

    /// How many units of the gate's capacity it waits for.
    std::uint32_t weight = 1;

    /// Set by the gate when it hands a permit over: `pass` is that permit. False when the gate is asked.
    bool granted = false;
    grant pass{};
};

/// A first in, first out list of waiters. Owns nothing and allocates nothing. Not thread-safe.
class waiter_list
{
public:
    waiter_list() = default;
    waiter_list(waiter_list&& other) noexcept
        : first_(std::exchange(other.first_, nullptr)),
          last_(std::exchange(other.last_, nullptr)),
          size_(std::exchange(other.size_, 0))
    {}
    waiter_list& operator=(waiter_list&&) = delete;

    bool empty() const noexcept { return first_ == nullptr; }
    std::size_t size() const noexcept { return size_; }
    /// Null: it is empty.
    waiter* front() const noexcept { return first_; }

    /// \param w must be in no list
    void push_back(waiter& w) noexcept
    {
        w.previous = last_;
        w.next = nullptr;
        (last_ ? last_->next : first_) = &w;
        last_ = &w;
        ++size_;
    }

    /// \param w must be in this list
    void remove(waiter& w) noexcept
    {
        (w.previous ? w.previous->next : first_) = w.next;
        (w.next ? w.next->previous : last_) = w.previous;
        w.previous = w.next = nullptr;
        --size_;
    }

    /// Takes out the first. Null: it is empty.
    waiter* pop_front() noexcept
    {
        auto* const w = first_;
        if (w) remove(*w);
        return w;
    }

private:
    waiter* first_ = nullptr;
    waiter* last_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace keel
