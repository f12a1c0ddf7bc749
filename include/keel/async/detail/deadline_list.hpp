#pragma once

#include <keel/async/detail/deadline_node.hpp>

namespace keel::detail {

/// An intrusive list of deadlines. Owns nothing. A node can be taken out without knowing in which list it is.
class deadline_list
{
public:
    deadline_list() noexcept { end_.previous = end_.next = &end_; }
    deadline_list(deadline_list const&) = delete;
    deadline_list& operator=(deadline_list const&) = delete;

    bool empty() const noexcept { return end_.next == &end_; }

    /// Null when there is none, as the next two.
    deadline_node* first() const noexcept { return or_null(end_.next); }
    deadline_node* last() const noexcept { return or_null(end_.previous); }
    deadline_node* after(deadline_node const& node) const noexcept { return or_null(node.next); }

    void append(deadline_node& node) noexcept
    {
        node.previous = end_.previous;
        node.next = &end_;
        end_.previous->next = &node;
        end_.previous = &node;
    }

    /// Takes the node out of whichever list it is in.
    static void remove(deadline_node& node) noexcept
    {
        node.previous->next = node.next;
        node.next->previous = node.previous;
    }

private:
    deadline_node* or_null(deadline_node* node) const noexcept { return node == &end_ ? nullptr : node; }

    deadline_node end_;
};

} // namespace keel::detail
