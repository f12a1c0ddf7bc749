#pragma once

#include <keel/core/time.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace keel::detail {

/// One entry of a `deadline_heap`. Lives in whatever has the deadline; must stay where it is while armed.
struct heap_node
{
    static constexpr std::uint32_t nowhere = std::numeric_limits<std::uint32_t>::max();

    time_point due{};
    std::uint64_t sequence = 0;
    std::uint32_t position = nowhere;
};

/// An intrusive 4-ary heap of deadlines, ordered by time and, within one time, by arming. Owns nothing.
class deadline_heap
{
public:
    bool empty() const noexcept { return nodes_.empty(); }
    std::size_t size() const noexcept { return nodes_.size(); }
    heap_node& first() const noexcept { return *nodes_.front(); }

    /// Throws `std::bad_alloc` when the heap cannot grow; then nothing has changed.
    void push(heap_node&);
    void remove(heap_node&) noexcept;

private:
    void place(std::size_t i, heap_node*) noexcept;
    void sift_up(std::size_t i, heap_node*) noexcept;
    void sift_down(std::size_t i, heap_node*) noexcept;

    std::vector<heap_node*> nodes_;
};

} // namespace keel::detail
