#include <keel/async/detail/deadline_heap.hpp>

#include <algorithm>

namespace keel::detail {
namespace {

constexpr std::size_t arity = 4;
constexpr std::size_t least_room = 64;

} // namespace

void deadline_heap::make_room()
{
    if (nodes_.size() == nodes_.capacity()) nodes_.reserve(std::max(least_room, 2 * nodes_.capacity()));
}

void deadline_heap::push(deadline_node& node) noexcept
{
    node.previous = nullptr;
    nodes_.push_back(&node);
    sift_up(nodes_.size() - 1, &node);
}

void deadline_heap::remove(deadline_node& node) noexcept
{
    auto const hole = node.position;
    auto* const last = nodes_.back();
    nodes_.pop_back();
    if (last == &node) return;
    if (hole > 0 && fires_before(*last, *nodes_[(hole - 1) / arity]))
        sift_up(hole, last);
    else
        sift_down(hole, last);
}

void deadline_heap::place(std::size_t i, deadline_node* node) noexcept
{
    nodes_[i] = node;
    node->position = i;
}

void deadline_heap::sift_up(std::size_t i, deadline_node* node) noexcept
{
    while (i > 0) {
        auto const parent = (i - 1) / arity;
        if (!fires_before(*node, *nodes_[parent])) break;
        place(i, nodes_[parent]);
        i = parent;
    }
    place(i, node);
}

void deadline_heap::sift_down(std::size_t i, deadline_node* node) noexcept
{
    for (;;) {
        auto const child = i * arity + 1;
        if (child >= nodes_.size()) break;
        auto const end = std::min(child + arity, nodes_.size());
        auto least = child;
        for (auto c = child + 1; c < end; ++c)
            if (fires_before(*nodes_[c], *nodes_[least])) least = c;
        if (!fires_before(*nodes_[least], *node)) break;
        place(i, nodes_[least]);
        i = least;
    }
    place(i, node);
}

} // namespace keel::detail
