#include <keel/async/detail/deadline_heap.hpp>

#include <algorithm>

namespace keel::detail {
namespace {

constexpr std::size_t arity = 4;

bool before(heap_node const& a, heap_node const& b) noexcept
{
    return a.due != b.due ? a.due < b.due : a.sequence < b.sequence;
}

} // namespace

void deadline_heap::push(heap_node& node)
{
    nodes_.push_back(&node);
    sift_up(nodes_.size() - 1, &node);
}

void deadline_heap::remove(heap_node& node) noexcept
{
    auto const hole = node.position;
    auto* const last = nodes_.back();
    nodes_.pop_back();
    node.position = heap_node::nowhere;
    if (last == &node) return;
    if (hole > 0 && before(*last, *nodes_[(hole - 1) / arity]))
        sift_up(hole, last);
    else
        sift_down(hole, last);
}

void deadline_heap::place(std::size_t i, heap_node* node) noexcept
{
    nodes_[i] = node;
    node->position = static_cast<std::uint32_t>(i);
}

void deadline_heap::sift_up(std::size_t i, heap_node* node) noexcept
{
    while (i > 0) {
        auto const parent = (i - 1) / arity;
        if (!before(*node, *nodes_[parent])) break;
        place(i, nodes_[parent]);
        i = parent;
    }
    place(i, node);
}

void deadline_heap::sift_down(std::size_t i, heap_node* node) noexcept
{
    for (;;) {
        auto const child = i * arity + 1;
        if (child >= nodes_.size()) break;
        auto const end = std::min(child + arity, nodes_.size());
        auto least = child;
        for (auto c = child + 1; c < end; ++c)
            if (before(*nodes_[c], *nodes_[least])) least = c;
        if (!before(*nodes_[least], *node)) break;
        place(i, nodes_[least]);
        i = least;
    }
    place(i, node);
}

} // namespace keel::detail
