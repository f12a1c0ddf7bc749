#include <keel/async/rate_limiter.hpp>

#include "support/at_gate.hpp"
#include "support/dice.hpp"
#include "support/printers.hpp"
#include "support/two_threads.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;

constexpr time_point t0{1000s};

/// Ten a second, three at once.
rate_limiter_options ten_a_second(rate_algorithm with, duration max_wait = 0s)
{
    rate_limiter_options o;
    o.name = "quota";
    o.permits = 10;
    o.per = 1s;
    o.burst = 3;
    o.max_wait = max_wait;
    o.algorithm = with;
    return o;
}

/// A call that can wait until a time.
class patient_call final : public turn_waiter
{
public:
    explicit patient_call(time_point until = time_point::max()) { deadline = until; }
    void turn_came() override { FAIL() << "a limiter wakes nobody"; }
};

admission ask(rate_limiter const& limiter, patient_call& call, time_point now = t0)
{
    return admit_at(*limiter.as_gate(), now, &call);
}

class rate_limiter_handle : public ::testing::TestWithParam<rate_algorithm>
{
protected:
    rate_limiter make(duration max_wait = 0s) const
    {
        return rate_limiter(ten_a_second(GetParam(), max_wait));
    }

    /// One that has given out its burst at `t0`.
    rate_limiter spent(duration max_wait = 0s) const
    {
        auto limiter = make(max_wait);
        EXPECT_TRUE(limiter.try_acquire(t0, 3));
        return limiter;
    }
};

INSTANTIATE_TEST_SUITE_P(both, rate_limiter_handle,
                         ::testing::Values(rate_algorithm::token_bucket, rate_algorithm::gcra),
                         [](auto const& chosen) {
                             return chosen.param == rate_algorithm::gcra ? "gcra" : "token_bucket";
                         });

TEST_P(rate_limiter_handle, grants_the_burst_and_then_refuses_with_the_time_of_the_next)
{
    auto const limiter = make();
    for (auto i = 0; i < 3; ++i) EXPECT_TRUE(limiter.try_acquire(t0)) << i;
    auto const refused = limiter.try_acquire(t0);
    EXPECT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::rate_limited);
    EXPECT_EQ(refused.retry_at(), t0 + 100ms);
    EXPECT_FALSE(limiter.try_acquire(t0 + 100ms - 1ns)) << "never before the time it named";
    EXPECT_TRUE(limiter.try_acquire(t0 + 100ms));
}

TEST_P(rate_limiter_handle, a_used_permit_is_spent_whatever_became_of_the_call)
{
    auto const limiter = make();
    for (auto const v : {verdict::success, verdict::failure, verdict::ignored})
        limiter.try_acquire(t0).settle(v, t0);
    EXPECT_FALSE(limiter.try_acquire(t0));
    EXPECT_EQ(limiter.snapshot(t0).available, 0);
}

TEST_P(rate_limiter_handle, a_heavy_call_costs_its_weight_all_at_once_or_nothing)
{
    auto const limiter = make();
    EXPECT_TRUE(limiter.try_acquire(t0, 2));
    EXPECT_FALSE(limiter.try_acquire(t0, 2));
    EXPECT_EQ(limiter.snapshot(t0).available, 1) << "a refusal spends nothing";
    EXPECT_TRUE(limiter.try_acquire(t0, 1));
}

TEST_P(rate_limiter_handle, what_can_never_fit_is_refused_without_a_time)
{
    auto const limiter = make();
    auto const refused = limiter.try_acquire(t0, 4);
    EXPECT_EQ(refused.error(), errc::rate_limited);
    EXPECT_FALSE(refused.retry_at());
}

TEST_P(rate_limiter_handle, copies_are_the_same_limiter)
{
    auto const limiter = make();
    auto const copy = limiter;
    EXPECT_TRUE(copy.try_acquire(t0, 3));
    EXPECT_FALSE(limiter.try_acquire(t0));
    EXPECT_EQ(limiter.as_gate(), copy.as_gate());
    EXPECT_EQ(limiter.as_gate()->name(), "quota");
    EXPECT_FALSE(limiter.as_gate()->holds_capacity());
}

TEST_P(rate_limiter_handle, looking_spends_nothing)
{
    auto const limiter = make();
    for (auto i = 0; i < 10; ++i) {
        auto const seen = limiter.snapshot(t0 + i * 1h);
        EXPECT_EQ(seen.available, 3);
        EXPECT_EQ(seen.burst, 3u);
    }
    EXPECT_TRUE(limiter.try_acquire(t0, 3)) << "nor does it move the limiter's time";
}

// As a gate, for a call that can wait

TEST_P(rate_limiter_handle, reserves_permits_for_calls_that_wait_each_later_than_the_one_before)
{
    auto const limiter = spent(1s);
    patient_call call;
    for (auto i = 1; i <= 10; ++i) {
        auto const answer = ask(limiter, call);
        ASSERT_EQ(answer.what, admission::kind::wait_until) << i;
        EXPECT_EQ(answer.at, t0 + i * 100ms);
    }
    auto const refused = ask(limiter, call);
    EXPECT_EQ(refused.what, admission::kind::refused) << "it would have to wait longer than max_wait";
    EXPECT_EQ(refused.at, t0 + 1100ms);
    EXPECT_EQ(limiter.snapshot(t0).available, -10);
}

TEST_P(rate_limiter_handle, a_reservation_given_back_serves_the_next)
{
    auto const limiter = spent(1s);
    patient_call call;
    auto const first = ask(limiter, call);
    auto const second = ask(limiter, call);
    EXPECT_EQ(second.at, t0 + 200ms);
    moment later(t0 + 10ms);
    limiter.as_gate()->give_back(second.pass, {.now = later});
    EXPECT_EQ(ask(limiter, call, t0 + 10ms).at, t0 + 200ms);
    EXPECT_EQ(first.at, t0 + 100ms);
}

TEST_P(rate_limiter_handle, reserves_nothing_for_a_call_that_cannot_wait)
{
    auto const limiter = spent(1s);
    EXPECT_EQ(admit_at(*limiter.as_gate(), t0).what, admission::kind::refused);
    EXPECT_FALSE(limiter.try_acquire(t0));
    EXPECT_EQ(limiter.snapshot(t0).available, 0);
}

TEST_P(rate_limiter_handle, reserves_nothing_that_would_come_at_the_calls_deadline_or_later)
{
    auto const limiter = spent(1s);
    patient_call in_time(t0 + 100ms + 1ns);
    patient_call too_late(t0 + 100ms);
    patient_call over(t0 - 1s);
    EXPECT_EQ(ask(limiter, too_late).what, admission::kind::refused);
    EXPECT_EQ(ask(limiter, over).what, admission::kind::refused);
    EXPECT_EQ(limiter.snapshot(t0).available, 0);
    EXPECT_EQ(ask(limiter, in_time).what, admission::kind::wait_until);
}

TEST_P(rate_limiter_handle, a_deadline_at_the_ends_of_time_is_a_deadline)
{
    auto const limiter = spent(1s);
    patient_call never(time_point::max());
    patient_call always(time_point::min());
    EXPECT_EQ(ask(limiter, always).what, admission::kind::refused);
    EXPECT_EQ(ask(limiter, never).what, admission::kind::wait_until);
}

TEST_P(rate_limiter_handle, tells_who_comes_after_a_refusal_what_it_would_have_told_without_it)
{
    auto const limiter = spent(1s);
    EXPECT_EQ(limiter.try_acquire(t0).retry_at(), t0 + 100ms);
    EXPECT_EQ(limiter.try_acquire(t0 + 50ms).retry_at(), t0 + 100ms);
    EXPECT_EQ(limiter.try_acquire(t0, 2).retry_at(), t0 + 200ms) << "heavier";
    EXPECT_EQ(limiter.try_acquire(t0).retry_at(), t0 + 100ms);
    patient_call call;
    auto const reserved = ask(limiter, call);
    EXPECT_EQ(reserved.at, t0 + 100ms) << "it can wait";
    EXPECT_EQ(limiter.try_acquire(t0).retry_at(), t0 + 200ms);
    moment now(t0);
    limiter.as_gate()->give_back(reserved.pass, {.now = now});
    EXPECT_EQ(limiter.try_acquire(t0).retry_at(), t0 + 100ms);
    EXPECT_TRUE(limiter.try_acquire(t0 + 100ms));
    EXPECT_EQ(limiter.try_acquire(t0 + 99ms).error(), errc::rate_limited) << "its clock is behind";
}

TEST_P(rate_limiter_handle, one_who_came_too_late_for_himself_keeps_nobody_out)
{
    auto const limiter = make(1s);
    EXPECT_TRUE(limiter.try_acquire(t0));
    patient_call late(t0);
    EXPECT_EQ(ask(limiter, late, t0 + 1ns).what, admission::kind::refused);
    EXPECT_TRUE(limiter.try_acquire(t0)) << "its clock is behind";
}

TEST_P(rate_limiter_handle, decides_as_its_machine_does_alone)
{
    auto o = ten_a_second(GetParam(), 300ms);
    o.burst = 4;
    for (auto seed = 0U; seed < 30; ++seed) {
        tests::dice dice(seed);
        rate_limiter const handle(o);
        policy::rate_limiter machine(o);
        std::vector<grant> reserved;
        auto now = t0;
        machine.start(now);
        for (auto i = 0; i < 500; ++i) {
            if (i > 0) now += dice.between(duration(-10ms), duration(60ms));
            auto const where = [&] { return testing::Message() << "seed " << seed << ", step " << i; };
            auto const weight = dice.one_in(4) ? dice.below(6U) : 1;
            if (!reserved.empty() && dice.one_in(5)) {
                auto const leaves = dice.below(reserved.size());
                moment at(now);
                handle.as_gate()->give_back(reserved[leaves], {.now = at});
                machine.withdraw(reserved[leaves], now);
                reserved.erase(reserved.begin() + static_cast<std::ptrdiff_t>(leaves));
            } else if (dice.one_in(3)) {
                patient_call call;
                moment at(now);
                auto const answer = handle.as_gate()->admit({.now = at, .waiter = &call, .weight = weight});
                ASSERT_EQ(answer, machine.admit(now, weight, 300ms)) << where();
                if (answer.what == admission::kind::wait_until) reserved.push_back(answer.pass);
            } else {
                moment at(now);
                ASSERT_EQ(handle.as_gate()->admit({.now = at, .weight = weight}),
                          machine.admit(now, weight, 0s))
                    << where();
            }
            ASSERT_EQ(handle.snapshot(now).available, machine.snapshot(now).available) << where();
        }
    }
}

// Several threads

TEST_P(rate_limiter_handle, two_threads_get_exactly_the_burst)
{
    auto o = ten_a_second(GetParam());
    o.burst = 500;
    rate_limiter const limiter(o);
    std::atomic<int> granted{0};
    on_two_threads([&](unsigned) {
        for (auto i = 0; i < 1000; ++i)
            if (limiter.try_acquire(t0)) ++granted;
    });
    EXPECT_EQ(granted, 500);
}

TEST_P(rate_limiter_handle, what_threads_reserve_and_give_back_neither_adds_nor_takes_any)
{
    auto o = ten_a_second(GetParam(), 1h);
    o.burst = 500;
    rate_limiter const limiter(o);
    std::atomic<int> granted{0};
    on_two_threads([&](unsigned thread) {
        for (auto i = 0; i < 2000; ++i) {
            patient_call call;
            auto const answer = thread == 0 ? admit_at(*limiter.as_gate(), t0) : ask(limiter, call);
            if (answer.what == admission::kind::granted) ++granted;
            if (answer.what != admission::kind::wait_until) continue;
            moment now(t0);
            limiter.as_gate()->give_back(answer.pass, {.now = now});
        }
    });
    EXPECT_EQ(granted, 500);
    EXPECT_EQ(limiter.snapshot(t0).available, 0);
    EXPECT_EQ(limiter.try_acquire(t0).retry_at(), t0 + 100ms);
}

TEST(rate_limiter_handle, shows_its_initial_tokens_before_the_first_call)
{
    rate_limiter const limiter{{.permits = 10, .per = 1s, .initial = 0}};
    EXPECT_EQ(limiter.snapshot(t0 + 1h).available, 0);
    EXPECT_FALSE(limiter.try_acquire(t0 + 1h));
}

TEST(rate_limiter_handle, takes_a_weight_of_0_for_1)
{
    rate_limiter const limiter{{.permits = 1, .per = 1s}};
    EXPECT_TRUE(limiter.try_acquire(t0, 0));
    EXPECT_FALSE(limiter.try_acquire(t0, 0));
}

TEST(rate_limiter_options_of_a_handle, out_of_range_are_refused)
{
    auto o = ten_a_second(rate_algorithm::token_bucket);
    o.permits = 0;
    o.max_wait = -1s;
    EXPECT_THROW(rate_limiter{o}, invalid_options);
}

} // namespace
