#include <keel/async/detail/deadline_heap.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using keel::detail::deadline_heap;
using keel::detail::deadline_node;

constexpr time_point t0{};

using key = std::pair<time_point, std::uint64_t>;

key key_of(deadline_node const& node) { return {node.due, node.sequence}; }

/// Puts `node` in as `arm` does: with a time and the next sequence number.
void push(deadline_heap& heap, deadline_node& node, time_point due, std::uint64_t sequence)
{
    node.due = due;
    node.sequence = sequence;
    heap.make_room();
    heap.push(node);
}

/// Empties the heap from the front.
std::vector<key> drain(deadline_heap& heap)
{
    std::vector<key> order;
    while (!heap.empty()) {
        auto& first = heap.first();
        order.push_back(key_of(first));
        heap.remove(first);
    }
    return order;
}

TEST(deadline_heap, starts_empty)
{
    deadline_heap const heap;
    EXPECT_TRUE(heap.empty());
    EXPECT_EQ(heap.size(), 0u);
}

TEST(deadline_heap, gives_the_earliest_first)
{
    std::vector<deadline_node> nodes(64);
    std::mt19937 random(7);
    deadline_heap heap;
    std::vector<key> expected;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        push(heap, nodes[i], t0 + std::chrono::milliseconds(random() % 1000), i);
        expected.push_back(key_of(nodes[i]));
    }
    std::sort(expected.begin(), expected.end());
    EXPECT_EQ(heap.size(), 64u);
    EXPECT_EQ(drain(heap), expected);
}

TEST(deadline_heap, gives_equal_times_in_the_order_of_their_sequence)
{
    std::array<deadline_node, 21> nodes;
    deadline_heap heap;
    for (std::size_t i = 0; i < nodes.size(); ++i) push(heap, nodes[i], t0 + 1s, 1000 - i);
    auto const order = drain(heap);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
    EXPECT_EQ(order.size(), nodes.size());
}

TEST(deadline_heap, a_removed_node_can_go_in_again)
{
    deadline_node node;
    deadline_node other;
    deadline_heap heap;
    push(heap, node, t0 + 1s, 1);
    push(heap, other, t0 + 2s, 2);
    heap.remove(node);
    push(heap, node, t0 + 3s, 3);
    EXPECT_EQ(&heap.first(), &other);
    EXPECT_EQ(drain(heap), (std::vector<key>{{t0 + 2s, 2}, {t0 + 3s, 3}}));
}

TEST(deadline_heap, holds_the_ends_of_time)
{
    deadline_node never;
    deadline_node always;
    deadline_node now;
    deadline_heap heap;
    push(heap, never, time_point::max(), 1);
    push(heap, now, t0, 2);
    push(heap, always, time_point::min(), 3);
    EXPECT_EQ(drain(heap), (std::vector<key>{{time_point::min(), 3}, {t0, 2}, {time_point::max(), 1}}));
}

TEST(deadline_heap, keeps_the_order_of_the_rest_whichever_node_is_removed)
{
    constexpr std::size_t most = 30;
    std::mt19937 random(11);
    for (std::size_t size = 1; size <= most; ++size) {
        for (std::size_t gone = 0; gone < size; ++gone) {
            std::vector<deadline_node> nodes(size);
            deadline_heap heap;
            std::vector<key> expected;
            for (std::size_t i = 0; i < size; ++i) {
                push(heap, nodes[i], t0 + std::chrono::seconds(random() % 10), i);
                if (i != gone) expected.push_back(key_of(nodes[i]));
            }
            heap.remove(nodes[gone]);
            std::sort(expected.begin(), expected.end());
            ASSERT_EQ(drain(heap), expected) << "size " << size << ", removed " << gone;
        }
    }
}

TEST(deadline_heap, agrees_with_a_sorted_set_over_random_operations)
{
    for (auto seed = 1U; seed <= 20; ++seed) {
        std::mt19937 random(seed);
        std::vector<deadline_node> nodes(200);
        deadline_heap heap;
        std::set<key> model;
        std::vector<bool> pushed(nodes.size());
        std::uint64_t sequence = 0;
        for (auto step = 0; step < 5000; ++step) {
            auto const i = random() % nodes.size();
            auto& node = nodes[i];
            pushed[i] = !pushed[i];
            if (pushed[i]) {
                push(heap, node, t0 + std::chrono::milliseconds(random() % 50), ++sequence);
                model.insert(key_of(node));
            } else {
                model.erase(key_of(node));
                heap.remove(node);
            }
            ASSERT_EQ(heap.size(), model.size()) << "seed " << seed << ", step " << step;
            if (!model.empty()) {
                ASSERT_EQ(key_of(heap.first()), *model.begin()) << "seed " << seed << ", step " << step;
            }
        }
        ASSERT_EQ(drain(heap), std::vector<key>(model.begin(), model.end())) << "seed " << seed;
    }
}

} // namespace
