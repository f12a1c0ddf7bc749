#pragma once

#include <keel/core/time.hpp>

#include <cstddef>
#include <cstdint>

namespace keel::detail {

/// What a deadline is to the lists and the heap: a time, its turn among equal times, and a place. Lives in
/// whatever has the deadline; must stay where it is while it is in one of them. Every pending call has one: a
/// member here is memory a million times.
struct deadline_node
{
    union
    {
        time_point due{};
        std::uint64_t firing; ///< Once it has fired: which firing it was.
    };
    std::uint64_t sequence = 0;        ///< Counts what is armed; 0: not armed.
    deadline_node* previous = nullptr; ///< In a list; null in a heap.
    union
    {
        deadline_node* next = nullptr; ///< In a list.
        std::size_t position;          ///< In a heap.
    };
};

/// By time and, within one time, by arming.
inline bool fires_before(deadline_node const& a, deadline_node const& b) noexcept
{
    return a.due != b.due ? a.due < b.due : a.sequence < b.sequence;
}

} // namespace keel::detail
