#pragma once

#include <keel/async/detail/deadline_node.hpp>

#include <cstddef>
#include <vector>

namespace keel::detail {

/// An intrusive 4-ary heap of deadlines, the first to fire on top. Owns nothing.
class deadline_heap
{
public:
    bool empty() const noexcept { return nodes_.empty(); }
    std::size_t size() const noexcept { return nodes_.size(); }
    deadline_node& first() const noexcept { return *nodes_.front(); }

    /// Call before each `push`: that cannot fail then.
    /// \throws std::bad_alloc
    void make_room();
    void push(deadline_node&) noexcept;
    void remove(deadline_node&) noexcept;

private:
    void place(std::size_t i, deadline_node*) noexcept;
    void sift_up(std::size_t i, deadline_node*) noexcept;
    void sift_down(std::size_t i, deadline_node*) noexcept;

    std::vector<deadline_node*> nodes_;
};

} // namespace keel::detail
