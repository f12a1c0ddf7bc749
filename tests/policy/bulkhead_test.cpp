#include <keel/policy/bulkhead.hpp>

#include "support/dice.hpp"
#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <limits>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using faults = std::vector<option_fault>;
using row = std::vector<waiter const*>;
using policy::bulkhead;

constexpr time_point at(duration since_start) { return time_point(since_start); }

admission const full = admission::refused(errc::bulkhead_full);

row members(waiter_list const& list)
{
    row seen;
    for (auto const* w = list.front(); w != nullptr; w = w->next) seen.push_back(w);
    return seen;
}

/// Asks for `w`, and expects that nobody is found to have waited too long.
admission ask(bulkhead& b, waiter& w, time_point now = at(0s))
{
    bulkhead::turns others;
    auto const answer = b.admit(now, w, others);
    EXPECT_TRUE(others.expired.empty());
    EXPECT_TRUE(others.granted.empty());
    return answer;
}

/// The same for a call that cannot wait.
admission ask(bulkhead& b, time_point now = at(0s))
{
    bulkhead::turns others;
    auto const answer = b.admit(now, others);
    EXPECT_TRUE(others.expired.empty());
    EXPECT_TRUE(others.granted.empty());
    return answer;
}

/// Withdraws `w`, and expects that nobody goes in for it, or is late.
bool withdraw(bulkhead& b, waiter& w)
{
    bulkhead::turns others;
    auto const was_waiting = b.withdraw(w, at(0s), others);
    EXPECT_TRUE(others.granted.empty());
    EXPECT_TRUE(others.expired.empty());
    return was_waiting;
}

struct counts
{
    std::size_t running;
    std::size_t waiting;
    friend bool operator==(counts const&, counts const&) = default;
};

counts seen(bulkhead const& b) { return {b.snapshot().running, b.snapshot().waiting}; }

// A life

TEST(bulkhead, a_life_fills_queues_hands_over_and_empties)
{
    bulkhead b({.max_concurrent = 2, .max_queue = 2});
    waiter a, c, d, e, f;
    EXPECT_EQ(ask(b, a), admission::granted({0, at(0s), 1}));
    EXPECT_EQ(ask(b, c), admission::granted({0, at(0s), 1}));
    EXPECT_EQ(ask(b, d), admission::queued());
    EXPECT_EQ(ask(b, e), admission::queued());
    EXPECT_EQ(ask(b, f), full);
    EXPECT_EQ(seen(b), (counts{2, 2}));
    EXPECT_TRUE(d.queued);
    EXPECT_FALSE(f.queued);

    auto const first = b.settle({}, at(1s));
    EXPECT_EQ(members(first.granted), row{&d});
    EXPECT_TRUE(first.expired.empty());
    EXPECT_TRUE(d.granted);
    EXPECT_FALSE(d.queued);
    EXPECT_EQ(d.pass, (grant{0, at(1s), 1})) << "it begins now, not when it came";
    EXPECT_EQ(seen(b), (counts{2, 1}));

    EXPECT_TRUE(withdraw(b, e));
    EXPECT_EQ(seen(b), (counts{2, 0}));
    EXPECT_TRUE(b.settle({}, at(2s)).granted.empty());
    EXPECT_TRUE(b.settle({}, at(2s)).granted.empty());
    EXPECT_EQ(seen(b), (counts{0, 0}));
    EXPECT_EQ(ask(b, f, at(3s)).what, admission::kind::granted);
}

// The corners

TEST(bulkhead, without_a_queue_a_full_bulkhead_refuses_at_once)
{
    bulkhead b({.max_concurrent = 1});
    waiter w;
    EXPECT_EQ(ask(b).what, admission::kind::granted);
    EXPECT_EQ(ask(b), full);
    EXPECT_EQ(ask(b, w), full);
    EXPECT_EQ(seen(b), (counts{1, 0}));
}

TEST(bulkhead, a_call_that_cannot_wait_does_not_overtake_those_that_do)
{
    bulkhead b({.max_concurrent = 1, .max_queue = 5});
    waiter first;
    ask(b);
    ask(b, first);
    EXPECT_EQ(ask(b), full);
    auto turns = b.settle({}, at(1s));
    EXPECT_EQ(members(turns.granted), row{&first});
    EXPECT_EQ(ask(b, at(1s)), full) << "the freed permit was never free";
}

TEST(bulkhead, waiters_leave_in_the_order_in_which_they_came)
{
    bulkhead b({.max_concurrent = 1, .max_queue = 10});
    std::array<waiter, 5> all;
    ask(b);
    for (auto& w : all) EXPECT_EQ(ask(b, w), admission::queued());
    withdraw(b, all[2]);
    row served;
    for (int i = 0; i < 4; ++i)
        for (auto const* w : members(b.settle({}, at(1s)).granted)) served.push_back(w);
    EXPECT_EQ(served, (row{&all[0], &all[1], &all[3], &all[4]}));
}

TEST(bulkhead, a_waiter_that_has_held_a_permit_of_another_gate_gets_a_fresh_one)
{
    bulkhead b({.max_concurrent = 1, .max_queue = 1});
    waiter w;
    w.pass = {.generation = 7, .at = at(5s), .weight = 3};
    ask(b);
    ask(b, w);
    EXPECT_EQ(members(b.settle({}, at(9s)).granted), row{&w});
    EXPECT_EQ(w.pass, (grant{.generation = 0, .at = at(9s), .weight = 1}));
}

TEST(bulkhead, a_waiter_whose_deadline_has_come_gets_no_permit)
{
    bulkhead b({.max_concurrent = 1, .max_queue = 3});
    waiter late, patient;
    late.deadline = at(5s);
    ask(b);
    ask(b, late);
    ask(b, patient);
    auto const turns = b.settle({}, at(5s));
    EXPECT_EQ(members(turns.expired), row{&late});
    EXPECT_EQ(members(turns.granted), row{&patient});
    EXPECT_FALSE(late.granted);
    EXPECT_FALSE(late.queued);
}

TEST(bulkhead, a_waiter_is_served_up_to_its_last_nanosecond)
{
    bulkhead b({.max_concurrent = 1, .max_queue = 3});
    waiter w;
    w.deadline = at(5s);
    ask(b);
    ask(b, w);
    EXPECT_EQ(members(b.settle({}, at(5s) - 1ns).granted), row{&w});
}

TEST(bulkhead, whoever_waited_too_long_makes_room_for_the_next)
{
    bulkhead b({.max_concurrent = 1, .max_queue = 2});
    waiter first, second, third;
    first.deadline = at(2s);
    second.deadline = at(1s);
    ask(b);
    ask(b, first);
    ask(b, second);
    EXPECT_EQ(ask(b, third, at(999ms)), full);

    bulkhead::turns others;
    EXPECT_EQ(b.admit(at(1s), third, others), admission::queued());
    EXPECT_EQ(members(others.expired), row{&second});
    EXPECT_EQ(b.admit(at(2s), others), full);
    EXPECT_EQ(members(others.expired), (row{&second, &first})) << "added to those found before";
    EXPECT_EQ(seen(b), (counts{1, 1}));
}

TEST(bulkhead, a_call_that_is_late_already_does_not_queue)
{
    bulkhead b({.max_concurrent = 1, .max_queue = 2});
    waiter w;
    w.deadline = at(1s);
    ask(b);
    EXPECT_EQ(ask(b, w, at(1s)), full);
    EXPECT_FALSE(w.queued);
    EXPECT_EQ(ask(b, w, at(1s) - 1ns), admission::queued());
}

TEST(bulkhead, a_call_that_is_late_already_goes_in_when_there_is_a_permit)
{
    bulkhead b({.max_concurrent = 1});
    waiter w;
    w.deadline = time_point::min();
    EXPECT_EQ(ask(b, w).what, admission::kind::granted);
}

TEST(bulkhead, a_waiter_can_withdraw_once_and_only_while_it_waits)
{
    bulkhead b({.max_concurrent = 1, .max_queue = 2});
    waiter running, waiting, stranger;
    ask(b, running);
    ask(b, waiting);
    EXPECT_FALSE(withdraw(b, running));
    EXPECT_FALSE(withdraw(b, stranger));
    EXPECT_TRUE(withdraw(b, waiting));
    EXPECT_FALSE(withdraw(b, waiting));
    EXPECT_EQ(seen(b), (counts{1, 0}));
}

TEST(bulkhead, a_waiter_whose_turn_has_come_can_no_longer_withdraw)
{
    bulkhead b({.max_concurrent = 1, .max_queue = 2});
    waiter served, expired;
    expired.deadline = at(1s);
    ask(b);
    ask(b, served);
    ask(b, expired);
    auto const turns = b.settle({}, at(1s));
    ASSERT_EQ(members(turns.granted), row{&served});
    ASSERT_EQ(members(turns.expired), row{&expired});
    EXPECT_FALSE(withdraw(b, served));
    EXPECT_FALSE(withdraw(b, expired));
    EXPECT_EQ(seen(b), (counts{1, 0})) << "and its permit is not lost";
}

TEST(bulkhead, a_waiter_can_come_again)
{
    bulkhead b({.max_concurrent = 1, .max_queue = 1});
    waiter w;
    ask(b);
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(ask(b, w), admission::queued());
        ASSERT_FALSE(w.granted);
        ASSERT_TRUE(withdraw(b, w));
        ASSERT_EQ(ask(b, w), admission::queued());
        auto turns = b.settle({}, at(1s));
        ASSERT_EQ(turns.granted.pop_front(), &w);
    }
}

TEST(bulkhead, a_waiter_that_withdrew_is_not_expired_later)
{
    bulkhead b({.max_concurrent = 1, .max_queue = 2});
    waiter gone, patient;
    gone.deadline = at(1s);
    ask(b);
    ask(b, gone);
    ask(b, patient);
    withdraw(b, gone);
    auto const turns = b.settle({}, at(2s));
    EXPECT_TRUE(turns.expired.empty());
    EXPECT_EQ(members(turns.granted), row{&patient});
}

TEST(bulkhead, time_may_be_as_extreme_as_it_likes)
{
    bulkhead b({.max_concurrent = 1, .max_queue = 3});
    waiter forever, soon;
    soon.deadline = time_point::min() + 1ns;
    ask(b, time_point::min());
    EXPECT_EQ(ask(b, forever, time_point::min()), admission::queued());
    EXPECT_EQ(ask(b, soon, time_point::min()), admission::queued());
    auto turns = b.settle({}, time_point::max() - 1ns);
    EXPECT_EQ(members(turns.expired), row{&soon});
    EXPECT_EQ(members(turns.granted), row{&forever});
}

TEST(bulkhead, the_largest_limits_are_no_trouble)
{
    constexpr auto most = std::numeric_limits<std::size_t>::max();
    bulkhead b({.max_concurrent = most, .max_queue = most});
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(ask(b).what, admission::kind::granted);
    EXPECT_EQ(b.snapshot().max_concurrent, most);
    EXPECT_EQ(b.snapshot().max_queue, most);
}

// Against a model

/// A bulkhead of numbers and a deque: everybody is looked at on every occasion.
class naive_bulkhead
{
public:
    naive_bulkhead(std::size_t most, std::size_t queue) : most_(most), queue_(queue) {}

    admission::kind admit(waiter* w, time_point now, row& expired)
    {
        expire(now, expired);
        if (running_ < most_ && waiting_.empty()) {
            ++running_;
            return admission::kind::granted;
        }
        if (!w || waiting_.size() >= queue_ || w->deadline <= now) return admission::kind::refused;
        waiting_.push_back(w);
        return admission::kind::wait_turn;
    }

    void settle(time_point now, row& granted, row& expired)
    {
        expire(now, expired);
        --running_;
        if (waiting_.empty()) return;
        granted.push_back(waiting_.front());
        waiting_.pop_front();
        ++running_;
    }

    bool withdraw(waiter const* w, time_point now, row& expired)
    {
        if (std::erase(waiting_, w) == 0) return false;
        expire(now, expired);
        return true;
    }

    counts seen() const { return {running_, waiting_.size()}; }

private:
    void expire(time_point now, row& expired)
    {
        for (auto const* w : waiting_)
            if (w->deadline <= now) expired.push_back(w);
        std::erase_if(waiting_, [&](auto const* w) { return w->deadline <= now; });
    }

    std::size_t most_;
    std::size_t queue_;
    std::size_t running_ = 0;
    std::deque<waiter const*> waiting_;
};

class history
{
public:
    history(std::size_t most, std::size_t queue, std::uint64_t seed)
        : dice_(seed),
          most_(most),
          queue_(queue),
          bulkhead_({.max_concurrent = most, .max_queue = queue}),
          naive_(most, queue)
    {}

    void step()
    {
        now_ += dice_.one_in(20) ? dice_.between(0ns, 300ns) : dice_.between(0ns, 10ns);
        switch (dice_.below(4)) {
        case 0: settle(); break;
        case 1: withdraw(); break;
        default: admit(); break;
        }
        ASSERT_EQ(seen(bulkhead_), naive_.seen());
        ASSERT_LE(naive_.seen().running, most_);
        ASSERT_LE(naive_.seen().waiting, queue_);
    }

private:
    waiter* idle()
    {
        auto const i = std::find_if(waiters_.begin(), waiters_.end(), [](auto& w) { return !w.queued; });
        return i == waiters_.end() ? nullptr : &*i;
    }

    void admit()
    {
        auto* const w = dice_.one_in(4) ? nullptr : idle();
        if (w) w->deadline = dice_.one_in(3) ? time_point::max() : now_ + dice_.between(-5ns, 200ns);
        bulkhead::turns others;
        row expected;
        auto const kind = naive_.admit(w, now_, expected);
        auto const answer = w ? bulkhead_.admit(now_, *w, others) : bulkhead_.admit(now_, others);
        ASSERT_EQ(answer.what, kind);
        ASSERT_EQ(members(others.expired), expected);
        ASSERT_TRUE(others.granted.empty()) << "all weigh the same";
    }

    void settle()
    {
        if (naive_.seen().running == 0) return;
        row granted;
        row expired;
        naive_.settle(now_, granted, expired);
        auto const turns = bulkhead_.settle({}, now_);
        ASSERT_EQ(members(turns.granted), granted);
        ASSERT_EQ(members(turns.expired), expired);
        for (auto const* w : granted)
            ASSERT_TRUE(w->granted && !w->queued && w->pass.at == now_ && w->deadline > now_);
        for (auto const* w : expired) ASSERT_TRUE(!w->granted && !w->queued);
    }

    void withdraw()
    {
        auto& w = waiters_.at(dice_.below(waiters_.size()));
        bulkhead::turns others;
        row expected;
        ASSERT_EQ(bulkhead_.withdraw(w, now_, others), naive_.withdraw(&w, now_, expected));
        ASSERT_EQ(members(others.expired), expected);
        ASSERT_TRUE(others.granted.empty()) << "all weigh the same";
        ASSERT_FALSE(w.queued);
    }

    tests::dice dice_;
    std::size_t most_;
    std::size_t queue_;
    bulkhead bulkhead_;
    naive_bulkhead naive_;
    std::array<waiter, 12> waiters_;
    time_point now_{};
};

TEST(bulkhead, decides_as_a_model_of_a_number_and_a_deque)
{
    for (std::size_t const most : {1U, 2U, 5U}) {
        for (std::size_t const queue : {0U, 1U, 3U, 8U}) {
            history h(most, queue, 23 + most * 10 + queue);
            for (int i = 0; i < 10'000; ++i) {
                h.step();
                if (HasFatalFailure()) FAIL() << most << " running, " << queue << " waiting, step " << i;
            }
        }
    }
}

// Options

TEST(bulkhead, the_default_options_are_in_range) { EXPECT_EQ(validate(bulkhead_options{}).list(), faults{}); }

TEST(bulkhead, every_option_out_of_range_is_reported_at_once)
{
    EXPECT_EQ(validate(bulkhead_options{.max_concurrent = 0, .max_wait = -1ns}).list(),
              (faults{{"max_concurrent", "0", "at least 1"}, {"max_wait", "-1ns", "0 or more, or nullopt"}}));
    EXPECT_EQ(validate(bulkhead_options{.max_wait = duration::min()}).list().size(), 1U);
}

TEST(bulkhead, both_ends_of_every_range_are_in_it)
{
    constexpr auto most = std::numeric_limits<std::size_t>::max();
    EXPECT_TRUE(validate(bulkhead_options{.max_concurrent = 1, .max_queue = 0, .max_wait = 0ns}).empty());
    EXPECT_TRUE(
        validate(bulkhead_options{.max_concurrent = most, .max_queue = most, .max_wait = duration::max()})
            .empty());
}

TEST(bulkhead, options_out_of_range_make_no_bulkhead)
{
    try {
        bulkhead b({.max_concurrent = 0, .max_wait = -1s});
        FAIL() << "two options are out of range";
    } catch (invalid_options const& e) {
        EXPECT_STREQ(e.what(),
                     "bulkhead: max_concurrent is 0, allowed is at least 1; max_wait is -1s, allowed is 0 or "
                     "more, or nullopt");
    }
}

// Weight and size

bulkhead of(std::size_t size, std::size_t queue)
{
    bulkhead_options o;
    o.max_concurrent = size;
    o.max_queue = queue;
    return bulkhead(o);
}

TEST(bulkhead, a_heavy_call_takes_its_weight_and_gives_it_back)
{
    auto b = of(3, 0);
    bulkhead::turns others;
    auto const heavy = b.admit(at(0s), others, 2);
    EXPECT_EQ(heavy, admission::granted({0, at(0s), 2}));
    EXPECT_EQ(b.admit(at(0s), others, 2), full);
    EXPECT_EQ(seen(b), (counts{2, 0}));
    b.settle(heavy.pass, at(1s));
    EXPECT_EQ(seen(b), (counts{0, 0}));
}

TEST(bulkhead, a_heavy_call_at_the_head_is_not_overtaken)
{
    auto b = of(3, 5);
    auto const first = ask(b);
    auto const second = ask(b);
    waiter heavy;
    waiter light;
    heavy.weight = 3;
    EXPECT_EQ(ask(b, heavy), admission::queued());
    EXPECT_EQ(ask(b, light), admission::queued());
    EXPECT_TRUE(b.settle(first.pass, at(1s)).granted.empty());
    EXPECT_FALSE(b.has_room(1)) << "there is a place, but not for who overtakes";
    auto turns = b.settle(second.pass, at(1s));
    EXPECT_EQ(members(turns.granted), row{&heavy});
    EXPECT_EQ(heavy.pass.weight, 3u);
    auto after = b.settle(heavy.pass, at(2s));
    EXPECT_EQ(members(after.granted), row{&light});
}

TEST(bulkhead, a_heavy_call_that_goes_lets_lighter_ones_in)
{
    auto b = of(3, 5);
    (void)ask(b);
    waiter heavy;
    std::array<waiter, 3> light;
    heavy.weight = 3;
    EXPECT_EQ(ask(b, heavy), admission::queued());
    for (auto& w : light) EXPECT_EQ(ask(b, w), admission::queued());
    bulkhead::turns others;
    EXPECT_TRUE(b.withdraw(heavy, at(1s), others));
    EXPECT_EQ(members(others.granted), (row{&light[0], &light[1]}));
    EXPECT_EQ(light[0].pass, (grant{0, at(1s), 1}));
    EXPECT_EQ(seen(b), (counts{3, 1}));
}

TEST(bulkhead, a_heavy_call_that_goes_lets_nobody_in_who_is_late)
{
    auto b = of(2, 5);
    (void)ask(b);
    waiter heavy;
    waiter late;
    waiter light;
    heavy.weight = 2;
    late.deadline = at(1s);
    for (auto* const w : {&heavy, &late, &light}) EXPECT_EQ(ask(b, *w), admission::queued());
    bulkhead::turns others;
    EXPECT_TRUE(b.withdraw(heavy, at(1s), others));
    EXPECT_EQ(members(others.expired), row{&late});
    EXPECT_EQ(members(others.granted), row{&light});
    EXPECT_EQ(seen(b), (counts{2, 0}));
}

TEST(bulkhead, a_heavy_call_that_is_late_lets_lighter_ones_in_before_the_next_comes)
{
    auto b = of(3, 2);
    (void)ask(b);
    waiter heavy;
    waiter light;
    heavy.weight = 3;
    heavy.deadline = at(1s);
    EXPECT_EQ(ask(b, heavy), admission::queued());
    EXPECT_EQ(ask(b, light), admission::queued());
    bulkhead::turns others;
    waiter next;
    EXPECT_EQ(b.admit(at(1s), next, others), admission::granted({0, at(1s), 1}));
    EXPECT_EQ(members(others.expired), row{&heavy});
    EXPECT_EQ(members(others.granted), row{&light});
    EXPECT_EQ(seen(b), (counts{3, 0}));
}

TEST(bulkhead, a_call_heavier_than_the_bulkhead_never_queues)
{
    auto b = of(3, 5);
    waiter w;
    w.weight = 4;
    EXPECT_EQ(ask(b, w), full);
    EXPECT_FALSE(w.queued);
}

TEST(bulkhead, has_room_for_whom_it_would_let_in_at_once)
{
    auto b = of(3, 1);
    EXPECT_TRUE(b.has_room(3));
    EXPECT_FALSE(b.has_room(4));
    auto const first = ask(b);
    EXPECT_TRUE(b.has_room(2));
    EXPECT_FALSE(b.has_room(3));
    waiter heavy;
    heavy.weight = 3;
    EXPECT_EQ(ask(b, heavy), admission::queued());
    EXPECT_FALSE(b.has_room(1));
    b.settle(first.pass, at(1s));
    EXPECT_FALSE(b.has_room(1));
}

TEST(bulkhead, a_weight_fits_into_as_many_units_and_no_weight_needs_one)
{
    EXPECT_TRUE(bulkhead::fits(2, 2));
    EXPECT_FALSE(bulkhead::fits(3, 2));
    EXPECT_TRUE(bulkhead::fits(0, 1));
    EXPECT_FALSE(bulkhead::fits(0, 0));
}

TEST(bulkhead, lends_its_free_units_and_counts_as_in_flight_what_does_not_come_back)
{
    bulkhead b({.max_concurrent = 5});
    ask(b);
    EXPECT_EQ(b.lend(), 4u);
    b.take_back(2);
    EXPECT_EQ(seen(b), (counts{3, 0}));
    EXPECT_EQ(b.lend(), 2u);
    b.take_back(0);
    EXPECT_EQ(b.lend(), 0u) << "that nothing is free is for others to know, too";
    EXPECT_EQ(ask(b), full);
    b.take_back(5);
    EXPECT_EQ(seen(b), (counts{0, 0}));
}

TEST(bulkhead, lends_nothing_while_the_number_of_free_units_does_not_decide)
{
    bulkhead b({.max_concurrent = 2, .max_queue = 1});
    waiter heavy;
    heavy.weight = 2;
    ask(b);
    ask(b, heavy);
    EXPECT_EQ(b.lend(), std::nullopt) << "the free unit is not for those who come";
    EXPECT_TRUE(withdraw(b, heavy));
    EXPECT_EQ(b.lend(), 1u);

    ask(b);
    b.resize(1, at(0s));
    EXPECT_EQ(b.lend(), std::nullopt) << "the next that ends leaves nothing free";
    b.settle({}, at(0s));
    EXPECT_EQ(b.lend(), 0u);
}

TEST(bulkhead, growing_lets_waiters_in_in_order)
{
    auto b = of(1, 5);
    (void)ask(b);
    std::array<waiter, 3> waiting;
    for (auto& w : waiting) EXPECT_EQ(ask(b, w), admission::queued());
    auto turns = b.resize(3, at(1s));
    EXPECT_EQ(members(turns.granted), (row{&waiting[0], &waiting[1]}));
    EXPECT_EQ(seen(b), (counts{3, 1}));
    EXPECT_EQ(b.snapshot().max_concurrent, 3u);
}

TEST(bulkhead, shrinking_takes_no_permit_away)
{
    auto b = of(3, 5);
    std::array<admission, 3> inside;
    for (auto& a : inside) a = ask(b);
    waiter w;
    EXPECT_EQ(ask(b, w), admission::queued());
    EXPECT_TRUE(b.resize(1, at(1s)).granted.empty());
    EXPECT_EQ(seen(b), (counts{3, 1}));
    EXPECT_TRUE(b.settle(inside[0].pass, at(2s)).granted.empty());
    EXPECT_TRUE(b.settle(inside[1].pass, at(2s)).granted.empty());
    auto turns = b.settle(inside[2].pass, at(2s));
    EXPECT_EQ(members(turns.granted), row{&w});
    EXPECT_EQ(seen(b), (counts{1, 0}));
}

TEST(bulkhead, shrinking_ends_the_wait_of_whom_it_can_never_hold)
{
    auto b = of(3, 5);
    (void)ask(b);
    waiter heavy;
    waiter light;
    heavy.weight = 3;
    EXPECT_EQ(ask(b, heavy), admission::queued());
    EXPECT_EQ(ask(b, light), admission::queued());
    auto turns = b.resize(2, at(1s));
    EXPECT_EQ(members(turns.expired), row{&heavy});
    EXPECT_EQ(members(turns.granted), row{&light});
    EXPECT_FALSE(heavy.granted);
}

TEST(bulkhead, a_new_size_is_not_for_those_who_have_waited_too_long)
{
    auto b = of(1, 5);
    (void)ask(b);
    waiter late;
    waiter patient;
    late.deadline = at(1s);
    EXPECT_EQ(ask(b, late), admission::queued());
    EXPECT_EQ(ask(b, patient), admission::queued());
    auto turns = b.resize(2, at(1s));
    EXPECT_EQ(members(turns.expired), row{&late});
    EXPECT_EQ(members(turns.granted), row{&patient});
}

TEST(bulkhead, needs_the_time_only_while_somebody_waits_who_has_a_deadline)
{
    auto b = of(1, 2);
    EXPECT_TRUE(b.is_timeless());
    auto const first = ask(b);
    waiter patient;
    EXPECT_EQ(ask(b, patient), admission::queued());
    EXPECT_TRUE(b.is_timeless());
    waiter hurried;
    hurried.deadline = at(5s);
    EXPECT_EQ(ask(b, hurried), admission::queued());
    EXPECT_FALSE(b.is_timeless());
    b.settle(first.pass, at(1s));
    EXPECT_FALSE(b.is_timeless());
    EXPECT_TRUE(withdraw(b, hurried));
    EXPECT_TRUE(b.is_timeless());
}

} // namespace
