#include <keel/core/waiter.hpp>

#include "support/dice.hpp"
#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <utility>
#include <vector>

namespace {

using namespace keel;

/// The list from the front on, and the same list from the back on: both directions must agree.
std::vector<waiter const*> members(waiter_list const& list)
{
    std::vector<waiter const*> seen;
    waiter const* previous = nullptr;
    for (auto const* w = list.front(); w != nullptr; w = w->next) {
        EXPECT_EQ(w->previous, previous);
        seen.push_back(w);
        previous = w;
    }
    EXPECT_EQ(list.size(), seen.size());
    EXPECT_EQ(list.empty(), seen.empty());
    return seen;
}

using row = std::vector<waiter const*>;

TEST(waiter, whoever_came_first_leaves_first)
{
    waiter a, b, c;
    waiter_list list;
    EXPECT_TRUE(list.empty());
    list.push_back(a);
    list.push_back(b);
    list.push_back(c);
    EXPECT_EQ(members(list), (row{&a, &b, &c}));
    EXPECT_EQ(list.pop_front(), &a);
    EXPECT_EQ(list.pop_front(), &b);
    list.push_back(a);
    EXPECT_EQ(members(list), (row{&c, &a}));
    EXPECT_EQ(list.pop_front(), &c);
    EXPECT_EQ(list.pop_front(), &a);
    EXPECT_TRUE(list.empty());
    EXPECT_EQ(list.size(), 0U);
}

TEST(waiter, an_empty_list_has_nobody_to_pop)
{
    waiter_list list;
    EXPECT_EQ(list.pop_front(), nullptr);
    EXPECT_EQ(list.front(), nullptr);
    EXPECT_EQ(list.size(), 0U);
}

TEST(waiter, a_new_waiter_waits_for_ever_and_holds_nothing)
{
    waiter const w;
    EXPECT_EQ(w.deadline, time_point::max());
    EXPECT_FALSE(w.queued);
    EXPECT_FALSE(w.granted);
    EXPECT_EQ(w.previous, nullptr);
    EXPECT_EQ(w.next, nullptr);
}

TEST(waiter, the_first_the_last_and_one_between_can_leave)
{
    waiter a, b, c, d;
    waiter_list list;
    for (auto* w : {&a, &b, &c, &d}) list.push_back(*w);
    list.remove(b);
    EXPECT_EQ(members(list), (row{&a, &c, &d}));
    list.remove(d);
    EXPECT_EQ(members(list), (row{&a, &c}));
    list.remove(a);
    EXPECT_EQ(members(list), (row{&c}));
    list.remove(c);
    EXPECT_EQ(members(list), row{});
}

TEST(waiter, whoever_has_left_points_at_nobody)
{
    waiter a, b, c;
    waiter_list list;
    for (auto* w : {&a, &b, &c}) list.push_back(*w);
    list.remove(b);
    EXPECT_EQ(b.previous, nullptr);
    EXPECT_EQ(b.next, nullptr);
    EXPECT_EQ(list.pop_front(), &a);
    EXPECT_EQ(a.next, nullptr);
}

TEST(waiter, a_list_that_has_been_moved_from_is_empty_and_can_be_used_again)
{
    waiter a, b;
    waiter_list list;
    list.push_back(a);
    waiter_list taken(std::move(list));
    EXPECT_EQ(members(taken), (row{&a}));
    EXPECT_TRUE(list.empty()); // NOLINT(bugprone-use-after-move): this is what is tested
    list.push_back(b);
    EXPECT_EQ(members(list), (row{&b}));
    EXPECT_EQ(members(taken), (row{&a}));
}

TEST(waiter, a_list_behaves_as_a_deque_of_pointers)
{
    tests::dice dice(2);
    std::array<waiter, 12> all;
    waiter_list list;
    std::deque<waiter*> naive;
    for (int step = 0; step < 20'000; ++step) {
        auto& w = all.at(dice.below(all.size()));
        auto const in = std::find(naive.begin(), naive.end(), &w);
        if (dice.one_in(4)) {
            auto* const expected = naive.empty() ? nullptr : naive.front();
            ASSERT_EQ(list.pop_front(), expected);
            if (expected) naive.pop_front();
        } else if (in == naive.end()) {
            list.push_back(w);
            naive.push_back(&w);
        } else {
            list.remove(w);
            naive.erase(in);
        }
        ASSERT_EQ(members(list), row(naive.begin(), naive.end())) << "step " << step;
    }
}

} // namespace
