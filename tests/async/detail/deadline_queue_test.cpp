#include <keel/async/detail/deadline_queue.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using keel::detail::deadline_list;
using keel::detail::deadline_node;
using keel::detail::deadline_queue;

constexpr time_point t0{};

bool in_a_lane(deadline_node const& node) { return node.previous != nullptr; }

std::size_t in_lanes(std::deque<deadline_node> const& nodes)
{
    std::size_t count = 0;
    for (auto const& node : nodes) count += in_a_lane(node);
    return count;
}

class queue : public ::testing::Test
{
protected:
    /// Arms a new node at `now_`.
    deadline_node& arm(duration length)
    {
        auto& node = nodes_.emplace_back();
        queue_.push(node, now_ + length, length);
        return node;
    }

    std::vector<deadline_node*> drain()
    {
        std::vector<deadline_node*> order;
        while (auto* const first = queue_.first()) {
            order.push_back(first);
            queue_.remove(*first);
        }
        return order;
    }

    time_point now_ = t0;
    std::deque<deadline_node> nodes_;
    deadline_queue queue_;
};

TEST_F(queue, starts_empty)
{
    EXPECT_TRUE(queue_.empty());
    EXPECT_EQ(queue_.first(), nullptr);
}

TEST_F(queue, equal_lengths_share_a_lane)
{
    for (auto i = 0; i < 1000; ++i, now_ += 10us) arm(30s);
    EXPECT_EQ(in_lanes(nodes_), 1000u);
    EXPECT_EQ(queue_.first(), &nodes_.front());
}

TEST_F(queue, lengths_that_differ_by_the_age_of_a_reading_share_a_lane)
{
    for (auto i = 0; i < 1000; ++i, now_ += 10us) {
        auto& node = nodes_.emplace_back();
        queue_.push(node, now_ + 30s, 30s - std::chrono::nanoseconds(i % 20 * 100));
    }
    EXPECT_EQ(in_lanes(nodes_), 1000u);
}

TEST_F(queue, what_is_due_before_the_last_of_its_lane_goes_elsewhere_and_fires_before_it)
{
    auto& first = arm(30s);
    now_ += 5us;
    auto& last = arm(30s);
    now_ -= 3us;
    auto& between = arm(30s);
    EXPECT_FALSE(in_a_lane(between));
    EXPECT_EQ(drain(), (std::vector{&first, &between, &last}));
}

TEST_F(queue, equal_times_fire_in_the_order_of_arming_across_lanes_and_heap)
{
    std::vector<deadline_node*> order;
    for (auto i = 0; i < 40; ++i, now_ += 1ms) order.push_back(&arm(100ms - i * 1ms));
    EXPECT_LT(in_lanes(nodes_), 40u);
    EXPECT_GT(in_lanes(nodes_), 0u);
    EXPECT_EQ(drain(), order);
}

TEST_F(queue, single_ones_make_way_for_those_that_come_by_the_thousand)
{
    for (auto i = 1; i <= 20; ++i) arm(i * 1h);
    auto& first = arm(30s);
    for (auto i = 0; i < 1000; ++i, ++now_) EXPECT_TRUE(in_a_lane(arm(30s)));
    EXPECT_EQ(queue_.first(), &first);
    EXPECT_EQ(drain().size(), 1021u);
}

TEST_F(queue, when_all_lanes_are_busy_the_heap_serves_until_one_is_not)
{
    constexpr auto lanes = 8;
    for (auto i = 1; i <= lanes; ++i)
        for (auto k = 0; k < 2; ++k) EXPECT_TRUE(in_a_lane(arm(i * 1s)));
    for (auto i = 0; i < lanes; ++i) EXPECT_FALSE(in_a_lane(arm(30s)));
    now_ += 1s;
    for (auto i = 0; i < 2; ++i) queue_.remove(*queue_.first());
    for (auto i = 0; i < lanes; ++i) arm(30s);
    EXPECT_TRUE(in_a_lane(arm(30s)));
}

TEST_F(queue, holds_the_ends_of_time)
{
    deadline_node never;
    deadline_node always;
    queue_.push(never, time_point::max(), duration::max());
    auto& soon = arm(1s);
    queue_.push(always, time_point::min(), duration::min());
    EXPECT_EQ(drain(), (std::vector{&always, &soon, &never}));
}

TEST_F(queue, removes_from_another_list_without_a_trace)
{
    deadline_list other;
    auto& fired = arm(1s);
    auto& pending = arm(1s);
    queue_.remove(fired);
    other.append(fired);
    queue_.remove(fired);
    EXPECT_TRUE(other.empty());
    EXPECT_EQ(drain(), (std::vector{&pending}));
}

/// Arms and removes as a seed says, with as many lengths as it says, at a clock that is read early or late.
class usage
{
public:
    explicit usage(unsigned seed) : random_(seed), lengths_(1 + seed % 25) {}

    testing::AssertionResult agrees_with_a_sorted_set()
    {
        for (auto step = 0; step < 4000; ++step) {
            turn();
            auto* const first = queue_.first();
            if (queue_.empty() != model_.empty() || (first == nullptr) != model_.empty())
                return testing::AssertionFailure() << "empty at the wrong time, step " << step;
            if (first && key_of(*first) != *model_.begin())
                return testing::AssertionFailure() << "another is the first, step " << step;
        }
        return testing::AssertionSuccess();
    }

    std::size_t joined() const { return joined_; }
    std::size_t heaped() const { return heaped_; }

private:
    using key = std::pair<time_point, std::uint64_t>;
    static key key_of(deadline_node const& node) { return {node.due, node.sequence}; }

    void turn()
    {
        now_ += std::chrono::microseconds(random_() % 50);
        if (random_() % 4 == 0) {
            while (!model_.empty() && model_.begin()->first <= now_) remove(*queue_.first());
            return;
        }
        auto& node = nodes_[random_() % nodes_.size()];
        node.sequence == 0 ? push(node) : remove(node);
    }

    void push(deadline_node& node)
    {
        auto const length = std::chrono::milliseconds(random_() % lengths_);
        auto const read = now_ - std::chrono::microseconds(random_() % 8 == 0 ? 30 : 0);
        queue_.push(node, read + length, length);
        model_.insert(key_of(node));
        ++(in_a_lane(node) ? joined_ : heaped_);
    }

    void remove(deadline_node& node)
    {
        model_.erase(key_of(node));
        queue_.remove(node);
        node.sequence = 0;
    }

    std::mt19937 random_;
    unsigned lengths_;
    time_point now_ = t0;
    std::vector<deadline_node> nodes_{200};
    deadline_queue queue_;
    std::set<key> model_;
    std::size_t joined_ = 0;
    std::size_t heaped_ = 0;
};

TEST(deadline_queue, agrees_with_a_sorted_set_over_random_operations)
{
    std::size_t joined = 0;
    std::size_t heaped = 0;
    for (auto seed = 1U; seed <= 50; ++seed) {
        usage u(seed);
        ASSERT_TRUE(u.agrees_with_a_sorted_set()) << "seed " << seed;
        joined += u.joined();
        heaped += u.heaped();
    }
    EXPECT_GT(joined, 10'000u);
    EXPECT_GT(heaped, 10'000u);
}

} // namespace
