// The heap of deadlines against an ordered set.

#include "input.hpp"
#include "law.hpp"

#include <keel/async/detail/deadline_heap.hpp>

#include <array>
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
        for (; !model_.empty(); check()) remove(heap_.first());
    }

private:
    void turn()
    {
        auto& node = nodes_[in_.byte() % nodes_.size()];
        if (armed(node)) return remove(in_.flag() ? node : heap_.first());
        node.due = time_point(in_.flag() ? duration(in_.byte()) : in_.length());
        node.sequence = ++sequence_;
        heap_.make_room();
        heap_.push(node);
        model_.insert(&node);
    }

    static bool armed(deadline_node const& node) { return node.sequence != 0; }

    void remove(deadline_node& node)
    {
        model_.erase(&node);
        heap_.remove(node);
        node.sequence = 0;
    }

    void check() const
    {
        law(heap_.size() == model_.size() && heap_.empty() == model_.empty(),
            "what was pushed is in it until it is removed");
        law(model_.empty() || &heap_.first() == *model_.begin(),
            "the first is the earliest, then the oldest");
        std::set<std::size_t> places;
        for (auto const* node : model_) places.insert(node->position);
        law(places.size() == model_.size() && (places.empty() || *places.rbegin() == model_.size() - 1),
            "every node knows a place of its own");
    }

    fuzz::input& in_;
    detail::deadline_heap heap_;
    std::array<deadline_node, 100> nodes_{};
    std::set<deadline_node*, by_deadline> model_{};
    std::uint64_t sequence_ = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::input in(data, size);
    game(in).play();
    return 0;
}
