#include <keel/async/bulkhead.hpp>

#include "support/at_gate.hpp"
#include "support/dice.hpp"
#include "support/two_threads.hpp"

#include <boost/asio/io_context.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;

constexpr time_point t0{1000s};

bulkhead_options sized(std::size_t max_concurrent, std::size_t max_queue = 0)
{
    bulkhead_options o;
    o.name = "database";
    o.max_concurrent = max_concurrent;
    o.max_queue = max_queue;
    return o;
}

/// A call in the queue, as the gate sees it.
class queued_call final : public turn_waiter
{
public:
    explicit queued_call(time_point until = time_point::max()) { deadline = until; }

    void turn_came() override
    {
        if (before) before();
        ++woken;
        if (then) then();
    }

    int woken = 0;
    std::function<void()> before;
    std::function<void()> then;
};

admission::kind ask(bulkhead const& rooms, queued_call& call, time_point now = t0)
{
    return admit_at(*rooms.as_gate(), now, &call).what;
}

// Without waiting

TEST(bulkhead_handle, grants_as_many_permits_as_it_has)
{
    bulkhead const rooms(sized(2));
    auto first = rooms.try_acquire(t0);
    auto second = rooms.try_acquire(t0);
    EXPECT_TRUE(first);
    EXPECT_TRUE(second);
    EXPECT_EQ(rooms.snapshot().running, 2u);

    auto const refused = rooms.try_acquire(t0);
    EXPECT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::bulkhead_full);
    EXPECT_EQ(refused.error(), condition::rejected);
    EXPECT_FALSE(refused.retry_at()) << "nobody knows when a call will end";
    EXPECT_EQ(rooms.snapshot().running, 2u);
}

TEST(bulkhead_handle, a_permit_comes_home_whatever_the_verdict)
{
    bulkhead const rooms(sized(1));
    for (auto const v : {verdict::success, verdict::failure, verdict::throttled, verdict::ignored}) {
        auto p = rooms.try_acquire(t0);
        ASSERT_TRUE(p) << to_string(v);
        p.settle(v, t0);
        EXPECT_EQ(rooms.snapshot().running, 0u) << to_string(v);
    }
    (void)rooms.try_acquire(t0);
    EXPECT_EQ(rooms.snapshot().running, 0u) << "destroyed unsettled";
}

TEST(bulkhead_handle, copies_are_the_same_bulkhead)
{
    bulkhead const rooms(sized(1));
    auto const copy = rooms;
    auto const held = copy.try_acquire(t0);
    EXPECT_FALSE(rooms.try_acquire(t0));
    EXPECT_EQ(rooms.as_gate(), copy.as_gate());
    EXPECT_EQ(rooms.as_gate()->name(), "database");
    EXPECT_TRUE(rooms.as_gate()->holds_capacity());
}

TEST(bulkhead_handle, options_out_of_range_are_refused)
{
    auto o = sized(0);
    o.max_wait = -1s;
    try {
        bulkhead const rooms(o);
        FAIL() << "accepted";
    } catch (invalid_options const& e) {
        EXPECT_EQ(e.faults().list().size(), 2u) << e.what();
    }
}

TEST(bulkhead_handle, reads_the_clock_when_it_is_told_no_time)
{
    bulkhead const rooms(sized(1));
    auto p = rooms.try_acquire();
    EXPECT_TRUE(p);
    p.settle(verdict::success);
    EXPECT_EQ(rooms.snapshot().running, 0u);
}

/// A clock that tells how often it was asked.
class counted_clock final : public time_source
{
public:
    using time_source::time_source;
    time_point now() const noexcept override
    {
        ++asked;
        return t0;
    }
    mutable int asked = 0;
};

TEST(bulkhead_handle, asks_for_the_time_only_when_somebody_waits_who_has_a_deadline)
{
    boost::asio::io_context context;
    counted_clock const clock(context);
    auto const gate = bulkhead(sized(1, 1)).as_gate();
    moment free(clock);
    auto const held = gate->admit({.now = free}).pass;
    gate->settle(held, verdict::success, {.now = free});
    (void)gate->admit({.now = free});
    EXPECT_EQ(gate->admit({.now = free}).what, admission::kind::refused);
    EXPECT_EQ(clock.asked, 0);

    queued_call waiting;
    moment full(clock);
    EXPECT_EQ(gate->admit({.now = full, .waiter = &waiting}).what, admission::kind::wait_turn);
    EXPECT_EQ(clock.asked, 0);
    EXPECT_TRUE(withdraw_at(*gate, t0, waiting));
    waiting.deadline = t0 + 1s;
    EXPECT_EQ(gate->admit({.now = full, .waiter = &waiting}).what, admission::kind::wait_turn);
    EXPECT_EQ(clock.asked, 1);
    EXPECT_TRUE(withdraw_at(*gate, t0, waiting));
}

TEST(bulkhead_handle, the_largest_of_all_counts_right)
{
    constexpr auto most = std::numeric_limits<std::size_t>::max();
    bulkhead const rooms(sized(most));
    auto first = rooms.try_acquire(t0, 7);
    auto second = rooms.try_acquire(t0);
    EXPECT_TRUE(second);
    EXPECT_EQ(rooms.snapshot().running, 8u);
    first.settle(verdict::success, t0);
    second.settle(verdict::success, t0);
    EXPECT_EQ(rooms.snapshot().running, 0u);

    rooms.resize(most - 1, t0);
    rooms.try_acquire(t0).settle(verdict::success, t0);
    EXPECT_EQ(rooms.snapshot().running, 0u);
    rooms.resize(1, t0);
    auto const held = rooms.try_acquire(t0);
    EXPECT_FALSE(rooms.try_acquire(t0));
}

TEST(bulkhead_handle, a_call_without_weight_needs_a_place_all_the_same)
{
    bulkhead const rooms(sized(1));
    EXPECT_TRUE(rooms.try_acquire(t0, 0));
    auto const held = rooms.try_acquire(t0);
    EXPECT_FALSE(rooms.try_acquire(t0, 0));
}

TEST(bulkhead_handle, one_made_smaller_admits_nobody_until_enough_have_ended)
{
    bulkhead const rooms(sized(3));
    std::array<permit, 3> held{rooms.try_acquire(t0), rooms.try_acquire(t0), rooms.try_acquire(t0)};
    rooms.resize(2, t0);
    EXPECT_EQ(rooms.snapshot().running, 3u);
    held[0].settle(verdict::success, t0);
    EXPECT_FALSE(rooms.try_acquire(t0));
    held[1].settle(verdict::success, t0);
    auto const again = rooms.try_acquire(t0);
    EXPECT_TRUE(again);
    EXPECT_FALSE(rooms.try_acquire(t0));
    EXPECT_EQ(rooms.snapshot().running, 2u);
}

// With calls in the queue

TEST(bulkhead_handle, a_light_call_does_not_overtake_a_heavy_one_though_it_would_fit)
{
    bulkhead const rooms(sized(2, 1));
    auto light = rooms.try_acquire(t0);
    queued_call heavy;
    moment now(t0);
    EXPECT_EQ(rooms.as_gate()->admit({.now = now, .waiter = &heavy, .weight = 2}).what,
              admission::kind::wait_turn);
    EXPECT_FALSE(rooms.try_acquire(t0));
    light.settle(verdict::success, t0);
    EXPECT_TRUE(heavy.granted);
    EXPECT_EQ(rooms.snapshot().running, 2u);
    settle_at(*rooms.as_gate(), heavy.pass, verdict::success, t0);
    EXPECT_TRUE(rooms.try_acquire(t0, 2));
}

TEST(bulkhead_handle, a_heavy_call_that_withdraws_lets_in_the_light_one_behind_it)
{
    bulkhead const rooms(sized(2, 2));
    auto const held = rooms.try_acquire(t0);
    queued_call heavy;
    queued_call light;
    moment now(t0);
    ASSERT_EQ(rooms.as_gate()->admit({.now = now, .waiter = &heavy, .weight = 2}).what,
              admission::kind::wait_turn);
    ASSERT_EQ(ask(rooms, light), admission::kind::wait_turn);
    EXPECT_TRUE(withdraw_at(*rooms.as_gate(), t0, heavy));
    EXPECT_EQ(light.woken, 1);
    EXPECT_TRUE(light.granted);
    settle_at(*rooms.as_gate(), light.pass, verdict::success, t0);
    EXPECT_EQ(rooms.snapshot().running, 1u);
}

TEST(bulkhead_handle, a_heavy_call_that_withdraws_lets_nobody_in_who_is_late)
{
    bulkhead const rooms(sized(2, 3));
    auto const held = rooms.try_acquire(t0);
    queued_call heavy;
    queued_call late(t0 + 1s);
    moment now(t0);
    ASSERT_EQ(rooms.as_gate()->admit({.now = now, .waiter = &heavy, .weight = 2}).what,
              admission::kind::wait_turn);
    ASSERT_EQ(ask(rooms, late), admission::kind::wait_turn);
    EXPECT_TRUE(withdraw_at(*rooms.as_gate(), t0 + 1s, heavy));
    EXPECT_EQ(late.woken, 1);
    EXPECT_FALSE(late.granted);
    EXPECT_EQ(rooms.snapshot().running, 1u);
}

TEST(bulkhead_handle, takes_a_weight_of_0_for_1)
{
    bulkhead const rooms(sized(1, 0));
    auto const held = rooms.try_acquire(t0, 0);
    EXPECT_TRUE(held);
    EXPECT_FALSE(rooms.try_acquire(t0, 0));
}

TEST(bulkhead_handle, nobody_overtakes_the_queue)
{
    bulkhead const rooms(sized(1, 1));
    auto held = rooms.try_acquire(t0);
    queued_call waiting;
    ASSERT_EQ(ask(rooms, waiting), admission::kind::wait_turn);
    held.settle(verdict::success, t0 + 1s);
    EXPECT_EQ(waiting.woken, 1);
    EXPECT_TRUE(waiting.granted);
    EXPECT_EQ(rooms.snapshot().running, 1u) << "handed over: it was never free in between";
    EXPECT_FALSE(rooms.try_acquire(t0 + 1s));

    settle_at(*rooms.as_gate(), waiting.pass, verdict::success, t0 + 2s);
    EXPECT_EQ(rooms.snapshot().running, 0u);
}

TEST(bulkhead_handle, a_full_queue_refuses)
{
    bulkhead const rooms(sized(1, 1));
    auto const held = rooms.try_acquire(t0);
    queued_call first;
    queued_call second;
    EXPECT_EQ(ask(rooms, first), admission::kind::wait_turn);
    EXPECT_EQ(ask(rooms, second), admission::kind::refused);
    EXPECT_EQ(rooms.snapshot().waiting, 1u);
    EXPECT_TRUE(withdraw_at(*rooms.as_gate(), t0, first));
}

TEST(bulkhead_handle, a_withdrawn_call_neither_loses_nor_gains_a_permit)
{
    bulkhead const rooms(sized(1, 3));
    auto held = rooms.try_acquire(t0);
    queued_call first;
    queued_call second;
    queued_call third;
    for (auto* const each : {&first, &second, &third})
        ASSERT_EQ(ask(rooms, *each), admission::kind::wait_turn);
    EXPECT_TRUE(withdraw_at(*rooms.as_gate(), t0, second));
    EXPECT_FALSE(withdraw_at(*rooms.as_gate(), t0, second));
    EXPECT_EQ(rooms.snapshot().waiting, 2u);

    held.settle(verdict::success, t0);
    EXPECT_TRUE(first.granted);
    EXPECT_FALSE(withdraw_at(*rooms.as_gate(), t0, first)) << "its turn has come";
    settle_at(*rooms.as_gate(), first.pass, verdict::success, t0);
    EXPECT_TRUE(third.granted);
    settle_at(*rooms.as_gate(), third.pass, verdict::success, t0);
    EXPECT_EQ(second.woken, 0);
    EXPECT_EQ(rooms.snapshot().running, 0u);
}

TEST(bulkhead_handle, the_longest_wait_cuts_a_calls_deadline)
{
    auto o = sized(1, 3);
    o.max_wait = 3s;
    bulkhead const rooms(o);
    auto const held = rooms.try_acquire(t0);
    queued_call patient;
    queued_call hurried(t0 + 1s);
    EXPECT_EQ(ask(rooms, patient), admission::kind::wait_turn);
    EXPECT_EQ(ask(rooms, hurried), admission::kind::wait_turn);
    EXPECT_EQ(patient.deadline, t0 + 3s);
    EXPECT_EQ(hurried.deadline, t0 + 1s);
    EXPECT_TRUE(withdraw_at(*rooms.as_gate(), t0, patient));
    EXPECT_TRUE(withdraw_at(*rooms.as_gate(), t0, hurried));
}

TEST(bulkhead_handle, who_has_waited_too_long_is_woken_without_a_permit)
{
    bulkhead const rooms(sized(1, 2));
    auto held = rooms.try_acquire(t0);
    queued_call late(t0 + 1s);
    queued_call patient;
    ASSERT_EQ(ask(rooms, late), admission::kind::wait_turn);
    ASSERT_EQ(ask(rooms, patient), admission::kind::wait_turn);
    EXPECT_FALSE(rooms.try_acquire(t0 + 2s));
    EXPECT_EQ(late.woken, 1);
    EXPECT_FALSE(late.granted);
    EXPECT_EQ(patient.woken, 0);

    held.settle(verdict::success, t0 + 2s);
    EXPECT_TRUE(patient.granted);
    EXPECT_EQ(late.woken, 1);
    settle_at(*rooms.as_gate(), patient.pass, verdict::success, t0 + 2s);
}

TEST(bulkhead_handle, a_woken_call_may_be_gone_at_once)
{
    bulkhead const rooms(sized(2, 2));
    std::optional<permit> both[2] = {rooms.try_acquire(t0), rooms.try_acquire(t0)};
    auto calls = std::vector<std::unique_ptr<queued_call>>(2);
    for (auto& each : calls) {
        each = std::make_unique<queued_call>(t0 + 1s);
        each->then = [&each] { auto const gone = std::move(each); };
        ASSERT_EQ(ask(rooms, *each), admission::kind::wait_turn);
    }
    for (auto& each : both) each->settle(verdict::success, t0 + 2s);
    EXPECT_FALSE(calls[0]);
    EXPECT_FALSE(calls[1]);
    EXPECT_EQ(rooms.snapshot().running, 0u);
}

/// The same calls before a handle and before a machine, which knows no turnstile.
class both
{
public:
    explicit both(bulkhead_options const& o) : handle_(o), machine_(o) {}

    void step(tests::dice& dice)
    {
        auto const weight = dice.below(4U);
        switch (dice.below(8U)) {
        case 0: return withdraw(pick(dice));
        case 1: return resize(dice.between(std::size_t{1}, std::size_t{5}));
        case 2:
        case 3: return admit(weight);
        case 4: return admit(pick(dice), weight);
        default: return settle();
        }
    }

    void compare() const
    {
        auto const ours = handle_.snapshot();
        auto const theirs = machine_.snapshot();
        ASSERT_EQ(ours.running, theirs.running);
        ASSERT_EQ(ours.waiting, theirs.waiting);
        ASSERT_EQ(ours.max_concurrent, theirs.max_concurrent);
        for (auto const& c : calls_) {
            ASSERT_EQ(c.at_handle.queued, c.at_machine.queued);
            ASSERT_EQ(c.at_handle.granted, c.at_machine.granted);
        }
    }

private:
    struct pair
    {
        queued_call at_handle;
        waiter at_machine;
    };

    pair& pick(tests::dice& dice) { return calls_[dice.below(calls_.size())]; }

    void admit(std::uint32_t weight)
    {
        moment now(t0);
        policy::bulkhead::turns others;
        same(handle_.as_gate()->admit({.now = now, .weight = weight}), machine_.admit(t0, others, weight));
        go_in(others);
    }

    void admit(pair& call, std::uint32_t weight)
    {
        if (call.at_handle.queued) return;
        call.at_handle.granted = call.at_machine.granted = false;
        call.at_machine.weight = weight;
        moment now(t0);
        policy::bulkhead::turns others;
        same(handle_.as_gate()->admit({.now = now, .waiter = &call.at_handle, .weight = weight}),
             machine_.admit(t0, call.at_machine, others));
        go_in(others);
    }

    void same(admission const& ours, admission const& theirs)
    {
        ASSERT_EQ(ours.what, theirs.what);
        ASSERT_EQ(ours.why, theirs.why);
        if (ours.what == admission::kind::granted) held_.push_back(ours.pass);
    }

    void settle()
    {
        if (held_.empty()) return;
        auto const pass = held_.back();
        held_.pop_back();
        settle_at(*handle_.as_gate(), pass, verdict::success, t0);
        auto turns = machine_.settle(pass, t0);
        go_in(turns);
    }

    void withdraw(pair& call)
    {
        policy::bulkhead::turns others;
        ASSERT_EQ(withdraw_at(*handle_.as_gate(), t0, call.at_handle),
                  machine_.withdraw(call.at_machine, t0, others));
        go_in(others);
    }

    void resize(std::size_t to)
    {
        handle_.resize(to, t0);
        auto turns = machine_.resize(to, t0);
        go_in(turns);
    }

    void go_in(policy::bulkhead::turns& turns)
    {
        while (auto const* w = turns.granted.pop_front()) held_.push_back(w->pass);
    }

    bulkhead handle_;
    policy::bulkhead machine_;
    std::array<pair, 6> calls_;
    std::vector<grant> held_;
};

TEST(bulkhead_handle, decides_as_its_machine_does_alone)
{
    for (auto seed = 0U; seed < 50; ++seed) {
        tests::dice dice(seed);
        both sides(sized(dice.between(std::size_t{1}, std::size_t{4}), dice.below(std::size_t{4})));
        for (auto i = 0; i < 400; ++i) {
            sides.step(dice);
            sides.compare();
            ASSERT_FALSE(HasFatalFailure()) << "seed " << seed << ", step " << i;
        }
    }
}

// Several threads

TEST(bulkhead_handle, two_threads_never_hold_more_than_the_limit_and_lose_none)
{
    constexpr auto limit = 3;
    bulkhead const rooms(sized(limit));
    std::atomic<int> out{0};
    std::atomic<int> most{0};
    on_two_threads([&](unsigned) {
        for (auto round = 0; round < 2000; ++round) {
            std::vector<permit> held;
            for (auto i = 0; i <= limit; ++i) {
                auto p = rooms.try_acquire(t0);
                if (!p) continue;
                auto const now_out = ++out;
                for (auto seen = most.load(); now_out > seen && !most.compare_exchange_weak(seen, now_out);) {
                }
                held.push_back(std::move(p));
            }
            for (auto& p : held) {
                --out;
                p.settle(round % 2 == 0 ? verdict::success : verdict::failure, t0);
            }
        }
    });
    EXPECT_LE(most, limit);
    EXPECT_EQ(rooms.snapshot().running, 0u);
    std::vector<permit> all;
    for (auto i = 0; i < limit; ++i) all.push_back(rooms.try_acquire(t0));
    for (auto const& p : all) EXPECT_TRUE(p);
}

/// Lets the other thread run until `met`, or for long enough to believe that it never will be.
void give_way_until(std::atomic<bool> const& met)
{
    for (auto i = 0; i < 200 && !met; ++i) std::this_thread::yield();
}

TEST(bulkhead_handle, a_call_that_withdraws_has_been_told_or_never_will_be)
{
    bulkhead const rooms(sized(1, 1));
    auto const gate = rooms.as_gate();
    std::atomic<bool> over{false};
    on_two_threads([&](unsigned thread) {
        if (thread == 0) {
            while (!over) (void)rooms.try_acquire(t0);
            return;
        }
        for (auto round = 0; round < 500; ++round) {
            std::atomic<bool> being_told{false};
            std::atomic<bool> withdrawn{false};
            queued_call call;
            call.before = [&] {
                being_told = true;
                give_way_until(withdrawn);
            };
            auto const answer = admit_at(*gate, t0, &call);
            auto pass = answer.pass;
            if (answer.what == admission::kind::wait_turn) {
                if (round % 2 == 0) give_way_until(being_told);
                auto const in_time = withdraw_at(*gate, t0, call);
                withdrawn = true;
                EXPECT_EQ(call.woken, in_time ? 0 : 1);
                EXPECT_EQ(call.granted, !in_time);
                if (in_time) continue;
                pass = call.pass;
            }
            settle_at(*gate, pass, verdict::success, t0);
        }
        over = true;
    });
    EXPECT_EQ(rooms.snapshot().running, 0u);
    EXPECT_EQ(rooms.snapshot().waiting, 0u);
}

/// A call that is told on whatever thread.
class told_call final : public turn_waiter
{
public:
    void turn_came() override { told.store(true, std::memory_order_release); }
    std::atomic<bool> told{false};
};

/// One of several threads that come, wait, leave and resize.
class visitor
{
public:
    visitor(bulkhead const& rooms, std::size_t largest, unsigned seed)
        : rooms_(rooms),
          gate_(rooms.as_gate()),
          largest_(largest),
          dice_(seed)
    {}

    void visit(std::atomic<std::size_t>& inside, std::atomic<std::size_t>& most)
    {
        auto const weight = dice_.between(1U, 2U);
        if (dice_.one_in(40)) rooms_.resize(dice_.between(std::size_t{1}, largest_), t0);
        auto const pass = dice_.one_in(2) ? come_and_go(weight) : come_and_wait(weight);
        if (!pass) return;
        auto const now = inside += pass->weight;
        for (auto seen = most.load(); now > seen && !most.compare_exchange_weak(seen, now);) {}
        if (dice_.one_in(4)) std::this_thread::yield();
        inside -= pass->weight;
        settle_at(*gate_, *pass, verdict::success, t0);
    }

private:
    std::optional<grant> come_and_go(std::uint32_t weight)
    {
        moment now(t0);
        auto const answer = gate_->admit({.now = now, .weight = weight});
        return answer.what == admission::kind::granted ? std::optional(answer.pass) : std::nullopt;
    }

    std::optional<grant> come_and_wait(std::uint32_t weight)
    {
        told_call call;
        moment now(t0);
        auto const answer = gate_->admit({.now = now, .waiter = &call, .weight = weight});
        if (answer.what == admission::kind::granted) return answer.pass;
        if (answer.what != admission::kind::wait_turn) return std::nullopt;
        if (dice_.one_in(3) && withdraw_at(*gate_, t0, call)) return std::nullopt;
        while (!call.told.load(std::memory_order_acquire)) std::this_thread::yield();
        return call.granted ? std::optional(call.pass) : std::nullopt;
    }

    bulkhead rooms_;
    std::shared_ptr<gate> gate_;
    std::size_t largest_;
    tests::dice dice_;
};

TEST(bulkhead_handle, threads_that_come_wait_leave_and_resize_lose_nothing)
{
    constexpr std::size_t largest = 4;
    bulkhead const rooms(sized(largest, 3));
    std::atomic<std::size_t> inside{0};
    std::atomic<std::size_t> most{0};
    std::vector<std::thread> threads;
    for (auto i = 0U; i < 4; ++i)
        threads.emplace_back([&, i] {
            visitor one(rooms, largest, i);
            for (auto round = 0; round < 5000; ++round) one.visit(inside, most);
        });
    for (auto& t : threads) t.join();

    EXPECT_LE(most, largest);
    rooms.resize(largest, t0);
    EXPECT_EQ(rooms.snapshot().running, 0u);
    EXPECT_EQ(rooms.snapshot().waiting, 0u);
    auto const all = rooms.try_acquire(t0, largest);
    EXPECT_TRUE(all);
    EXPECT_FALSE(rooms.try_acquire(t0));
}

} // namespace
