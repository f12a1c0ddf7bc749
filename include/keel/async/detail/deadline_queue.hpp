#pragma once

#include <keel/async/detail/deadline_heap.hpp>
#include <keel/async/detail/deadline_list.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace keel::detail {

/// The deadlines that have not fired, in order of time and, within one time, of arming.
///
/// Deadlines of equal length become due in the order in which they are armed. So each of the lengths in use
/// has a lane, a list that is joined at its end; a heap holds what fits no lane. Joining a lane and leaving
/// it costs the same with a million others as with none, and allocates nothing.
class deadline_queue
{
public:
    deadline_queue() noexcept { keys_.fill(none); }

    /// \param length how far ahead `due` is. Decides about the lane, and about nothing else.
    /// \throws std::bad_alloc; then nothing has changed
    void push(deadline_node& node, time_point due, duration length)
    {
        if (!push_at_once(node, due, length)) push_elsewhere(node, due, key_of(length));
    }
    /// The same if the length is that of the last, as it mostly is. False: nothing has changed.
    bool push_at_once(deadline_node& node, time_point due, duration length) noexcept
    {
        if (keys_[recent_] != key_of(length) || !takes(lanes_[recent_], due)) return false;
        enter(node, due);
        lanes_[recent_].append(node);
        return true;
    }

    /// Takes a node out; also out of a `deadline_list` that has nothing to do with this queue.
    void remove(deadline_node& node) noexcept
    {
        if (!remove_at_once(node)) heap_.remove(node);
    }
    /// The same if it is in a list, as it mostly is. False: it is not.
    static bool remove_at_once(deadline_node& node) noexcept
    {
        if (!node.previous) return false;
        deadline_list::remove(node);
        return true;
    }

    /// The next to fire; null: there is none. Looks at every lane.
    deadline_node* first() const noexcept;
    bool empty() const noexcept;

private:
    /// A length, as far as lanes tell them apart: to a quarter of a millisecond. Exactly equal ones would be
    /// rare: what is 30 s after one reading of the clock is armed after another.
    using lane_key = duration::rep;
    static constexpr lane_key key_of(duration length) noexcept { return length.count() >> 18; }
    static constexpr lane_key none = std::numeric_limits<lane_key>::min();

    static constexpr std::size_t lanes = 8;

    static bool takes(deadline_list const& lane, time_point due) noexcept
    {
        auto const* const last = lane.last();
        return !last || last->due <= due;
    }

    void enter(deadline_node& node, time_point due) noexcept
    {
        node.due = due;
        node.sequence = ++sequence_;
    }

    void push_elsewhere(deadline_node&, time_point due, lane_key);
    deadline_list* lane_for(lane_key);
    bool vacate(deadline_list& lane);

    std::array<lane_key, lanes> keys_;
    std::array<deadline_list, lanes> lanes_;
    std::size_t recent_ = 0; ///< Index of the lane that was joined last.
    std::size_t hand_ = 0;   ///< Index of the lane that was last asked to make way.
    std::uint64_t sequence_ = 0;
    deadline_heap heap_;
};

} // namespace keel::detail
