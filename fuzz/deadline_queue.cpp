// The queue of deadlines, lanes and heap, against an ordered set.

#include "input.hpp"
#include "law.hpp"

#include <keel/async/detail/deadline_queue.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>

namespace {

using namespace keel;
using detail::deadline_node;
using fuzz::law;

struct by_deadline
{
    bool operator()(deadline_node const* a, deadline_node const* b) const
    {
        return std::pair(a->due, a->sequence) < std::pair(b->due, b->sequence);
    }
};

class game
{
public:
    explicit game(fuzz::input& in) : in_(in) {}

    void play()
    {
        while (!in_.empty()) {
            turn();
            check();
        }
        for (; !model_.empty(); check()) remove(*queue_.first());
    }

private:
    void turn()
    {
        auto const what = in_.byte();
        auto& node = nodes_[what % nodes_.size()];
        if (what >= 200) return fire();
        if (node.sequence != 0) return remove(node);
        push(node);
    }

    /// Mostly of one of twelve lengths, and by a clock that is read a little late.
    void push(deadline_node& node)
    {
        auto const kind = in_.byte();
        auto const length = kind >= 240 ? in_.length() : duration(std::chrono::milliseconds(kind % 12));
        auto const read = saturating_add(now_, -duration(kind / 12));
        queue_.push(node, saturating_add(read, length), length);
        model_.insert(&node);
    }

    void fire()
    {
        now_ = saturating_add(now_, std::chrono::microseconds(100) * in_.byte());
        while (!model_.empty() && queue_.first()->due <= now_) {
            remove(*queue_.first());
            check();
        }
    }

    void remove(deadline_node& node)
    {
        model_.erase(&node);
        queue_.remove(node);
        node.sequence = 0;
    }

    void check() const
    {
        law(queue_.empty() == model_.empty(), "what was pushed is in it until it is removed");
        law(queue_.first() == (model_.empty() ? nullptr : *model_.begin()),
            "the first is the earliest, then the oldest");
    }

    fuzz::input& in_;
    time_point now_{};
    detail::deadline_queue queue_;
    std::array<deadline_node, 100> nodes_{};
    std::set<deadline_node*, by_deadline> model_{};
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::input in(data, size);
    game(in).play();
    return 0;
}
