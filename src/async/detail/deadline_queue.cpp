#include <keel/async/detail/deadline_queue.hpp>

#include <algorithm>

namespace keel::detail {

void deadline_queue::push_elsewhere(deadline_node& node, time_point due, lane_key key)
{
    auto* const lane = lane_for(key);
    if (lane && takes(*lane, due)) {
        enter(node, due);
        lane->append(node);
        return;
    }
    heap_.make_room();
    enter(node, due);
    heap_.push(node);
}

/// The lane of the key, its own or one that makes way for it. Null: all are busy with other lengths, as far
/// as one look tells.
deadline_list* deadline_queue::lane_for(lane_key key)
{
    auto const own = std::find(keys_.begin(), keys_.end(), key);
    if (own == keys_.end()) {
        hand_ = (hand_ + 1) % lanes;
        if (!vacate(lanes_[hand_])) return nullptr;
        keys_[hand_] = key;
        recent_ = hand_;
    } else {
        recent_ = static_cast<std::size_t>(own - keys_.begin());
    }
    return &lanes_[recent_];
}

// A single one may be all that ever comes of its length, and stay for hours. It must not keep the lane from
// those that come by the thousand.
bool deadline_queue::vacate(deadline_list& lane)
{
    auto* const only = lane.first();
    if (!only) return true;
    if (only != lane.last()) return false;
    heap_.make_room();
    deadline_list::remove(*only);
    heap_.push(*only);
    return true;
}

deadline_node* deadline_queue::first() const noexcept
{
    auto* least = heap_.empty() ? nullptr : &heap_.first();
    for (auto const& lane : lanes_) {
        auto* const first = lane.first();
        if (first && (!least || fires_before(*first, *least))) least = first;
    }
    return least;
}

bool deadline_queue::empty() const noexcept
{
    return heap_.empty() &&
           std::all_of(lanes_.begin(), lanes_.end(), [](auto const& lane) { return lane.empty(); });
}

} // namespace keel::detail
