#include <keel/policy/circuit_breaker.hpp>

#include "support/dice.hpp"
#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <limits>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using policy::tally;
using breaker = policy::circuit_breaker;

constexpr time_point at(duration since_start) { return time_point(since_start); }

admission refused_until(time_point until) { return admission::refused(errc::circuit_open, until); }

/// Opens at half of at least four calls, of the last ten.
circuit_breaker_options small()
{
    circuit_breaker_options o;
    o.window = count_window{10};
    o.min_calls = 4;
    o.open_for = 10s;
    o.half_open_permits = 2;
    return o;
}

bool run(breaker& b, verdict v, time_point now) { return b.settle(b.admit(now).pass, v, now); }

void run(breaker& b, int n, verdict v, time_point now)
{
    for (int i = 0; i < n; ++i) run(b, v, now);
}

/// A breaker of `o` that opened at `now`.
breaker opened(circuit_breaker_options const& o, time_point now = at(0s))
{
    breaker b(o);
    run(b, 4, verdict::failure, now);
    EXPECT_EQ(b.state(), circuit_state::open);
    return b;
}

// A life

TEST(circuit_breaker, a_life_opens_lets_trials_in_closes_and_opens_again)
{
    breaker b(small());
    EXPECT_EQ(b.state(), circuit_state::closed);
    EXPECT_EQ(b.admit(at(0s)), admission::granted({1, at(0s), 1}));
    run(b, 2, verdict::success, at(1s));
    run(b, verdict::failure, at(1s));
    EXPECT_EQ(b.snapshot(at(1s)).window, (tally{3, 1, 0}));
    run(b, verdict::failure, at(2s));
    EXPECT_EQ(b.state(), circuit_state::open) << "two of four is half";
    EXPECT_EQ(b.admit(at(2s)), refused_until(at(12s)));
    EXPECT_EQ(b.snapshot(at(2s)).opens_until, at(12s));
    EXPECT_EQ(b.opens_until(), at(12s));

    auto const first = b.admit(at(12s));
    auto const second = b.admit(at(12s));
    EXPECT_EQ(b.state(), circuit_state::half_open);
    EXPECT_EQ(first, admission::granted({3, at(12s), 1}));
    EXPECT_EQ(b.admit(at(13s)), admission::refused(errc::circuit_half_open));
    EXPECT_TRUE(b.settle(first.pass, verdict::success, at(13s)));
    EXPECT_EQ(b.state(), circuit_state::half_open) << "one trial does not decide";
    EXPECT_TRUE(b.settle(second.pass, verdict::success, at(13s)));
    EXPECT_EQ(b.state(), circuit_state::closed);
    EXPECT_EQ(b.snapshot(at(13s)).window, tally{});

    run(b, 4, verdict::failure, at(14s));
    EXPECT_EQ(b.admit(at(14s)), refused_until(at(24s))) << "the period starts anew after closing";
}

// Closed

TEST(circuit_breaker, too_few_calls_do_not_open_however_bad_they_are)
{
    breaker b(small());
    run(b, 3, verdict::failure, at(0s));
    EXPECT_EQ(b.state(), circuit_state::closed);
    run(b, 1, verdict::success, at(0s));
    EXPECT_EQ(b.state(), circuit_state::open) << "a success can be the fourth call";
}

TEST(circuit_breaker, a_ratio_just_below_the_limit_does_not_open)
{
    breaker b(small());
    for (int i = 0; i < 10; ++i) run(b, i % 5 < 3 ? verdict::success : verdict::failure, at(0s));
    EXPECT_EQ(b.snapshot(at(0s)).window, (tally{10, 4, 0}));
    EXPECT_EQ(b.state(), circuit_state::closed);
}

TEST(circuit_breaker, being_throttled_counts_as_a_failure)
{
    breaker b(small());
    run(b, 4, verdict::throttled, at(0s));
    EXPECT_EQ(b.state(), circuit_state::open);
}

TEST(circuit_breaker, what_is_ignored_is_not_counted)
{
    breaker b(small());
    run(b, 3, verdict::failure, at(0s));
    EXPECT_FALSE(run(b, verdict::ignored, at(0s)));
    EXPECT_EQ(b.snapshot(at(0s)).window, (tally{3, 3, 0}));
    EXPECT_EQ(b.state(), circuit_state::closed);
}

TEST(circuit_breaker, in_a_small_count_window_the_calls_needed_are_cut_to_its_size)
{
    auto o = small();
    o.window = count_window{3};
    o.min_calls = 100;
    breaker b(o);
    run(b, 2, verdict::failure, at(0s));
    EXPECT_EQ(b.state(), circuit_state::closed);
    run(b, verdict::success, at(0s));
    EXPECT_EQ(b.state(), circuit_state::open);
}

TEST(circuit_breaker, in_a_time_window_old_failures_are_forgotten)
{
    auto o = small();
    o.window = time_window{10s, 10};
    breaker b(o);
    run(b, 3, verdict::failure, at(500ms));
    run(b, verdict::success, at(10s));
    EXPECT_EQ(b.snapshot(at(10s)).window, (tally{1, 0, 0}));
    EXPECT_EQ(b.state(), circuit_state::closed);
    run(b, 2, verdict::success, at(11s));
    run(b, 3, verdict::failure, at(19'999ms));
    EXPECT_EQ(b.state(), circuit_state::open);
}

TEST(circuit_breaker, time_alone_changes_nothing)
{
    auto b = opened(small());
    EXPECT_EQ(b.snapshot(at(1h)).state, circuit_state::open);
    EXPECT_EQ(b.state(), circuit_state::open);
    EXPECT_EQ(b.generation(), 2U);
}

TEST(circuit_breaker, a_call_that_takes_longer_than_the_limit_is_slow)
{
    auto o = small();
    o.slow_call = 100ms;
    o.slow_ratio = 1.0;
    o.failure_ratio = std::nullopt;
    breaker b(o);
    auto const pass = b.admit(at(0s)).pass;
    b.settle(pass, verdict::success, at(100ms));
    EXPECT_EQ(b.snapshot(at(1s)).window, (tally{1, 0, 0})) << "just as long is not longer";
    b.settle(pass, verdict::failure, at(100'000'001ns));
    EXPECT_EQ(b.snapshot(at(1s)).window, (tally{2, 1, 1})) << "a slow failure is both";
    b.settle(pass, verdict::success, time_point::min());
    EXPECT_EQ(b.snapshot(at(1s)).window, (tally{3, 1, 1}));
}

TEST(circuit_breaker, slow_successes_alone_open)
{
    auto o = small();
    o.slow_call = 0ns;
    o.slow_ratio = 0.75;
    breaker b(o);
    auto const pass = b.admit(at(0s)).pass;
    b.settle(pass, verdict::success, at(0s));
    for (int i = 0; i < 2; ++i) b.settle(pass, verdict::success, at(1ns));
    EXPECT_EQ(b.state(), circuit_state::closed);
    b.settle(pass, verdict::success, at(1ns));
    EXPECT_EQ(b.state(), circuit_state::open);
}

TEST(circuit_breaker, slowness_without_a_limit_is_not_judged)
{
    auto o = small();
    o.slow_call = 1ms;
    breaker b(o);
    auto const pass = b.admit(at(0s)).pass;
    for (int i = 0; i < 10; ++i) b.settle(pass, verdict::success, at(1h));
    EXPECT_EQ(b.snapshot(at(1h)).window, (tally{10, 0, 10}));
    EXPECT_EQ(b.state(), circuit_state::closed);
}

TEST(circuit_breaker, only_failures_in_a_row_open_a_consecutive_circuit)
{
    auto o = small();
    o.window = consecutive_window{3};
    breaker b(o);
    run(b, 2, verdict::failure, at(0s));
    EXPECT_EQ(b.snapshot(at(0s)).consecutive_failures, 2U);
    EXPECT_FALSE(run(b, verdict::ignored, at(0s)));
    EXPECT_EQ(b.snapshot(at(0s)).consecutive_failures, 2U);
    run(b, verdict::success, at(0s));
    EXPECT_EQ(b.snapshot(at(0s)).consecutive_failures, 0U);
    run(b, 2, verdict::failure, at(0s));
    EXPECT_EQ(b.state(), circuit_state::closed);
    run(b, verdict::throttled, at(0s));
    EXPECT_EQ(b.state(), circuit_state::open);
    EXPECT_EQ(b.snapshot(at(0s)).consecutive_failures, 0U);
}

TEST(circuit_breaker, the_limit_is_reached_exactly_and_not_by_rounding)
{
    for (std::size_t percent = 1; percent <= 100; ++percent) {
        circuit_breaker_options o;
        o.window = count_window{100};
        o.min_calls = 100;
        o.failure_ratio = static_cast<double>(percent) / 100.0;
        for (auto const failures : {percent - 1, percent}) {
            breaker b(o);
            for (std::size_t i = 0; i < 100; ++i)
                run(b, i < failures ? verdict::failure : verdict::success, at(0s));
            EXPECT_EQ(b.state() == circuit_state::open, failures == percent)
                << failures << " of 100 at " << percent << " %";
        }
    }
}

TEST(circuit_breaker, the_smallest_ratio_still_needs_one_failure)
{
    auto o = small();
    o.failure_ratio = 1e-12;
    o.slow_call = 1s;
    o.slow_ratio = std::numeric_limits<double>::denorm_min();
    ASSERT_TRUE(validate(o).empty());
    breaker b(o);
    run(b, 100, verdict::success, at(0s));
    EXPECT_EQ(b.state(), circuit_state::closed);
    run(b, verdict::failure, at(0s));
    EXPECT_EQ(b.state(), circuit_state::open);
}

// Open

TEST(circuit_breaker, the_open_period_ends_at_its_last_nanosecond)
{
    auto b = opened(small());
    EXPECT_EQ(b.admit(at(10s - 1ns)), refused_until(at(10s)));
    EXPECT_EQ(b.state(), circuit_state::open);
    EXPECT_EQ(b.admit(at(10s)).what, admission::kind::granted);
}

TEST(circuit_breaker, each_opening_lasts_longer_until_the_circuit_closes)
{
    auto o = small();
    o.half_open_permits = 1;
    o.open_multiplier = 3.0;
    o.open_max = 100s;
    auto b = opened(o);
    auto now = at(0s);
    for (auto const period : {10s, 30s, 90s, 100s, 100s}) {
        EXPECT_EQ(b.admit(now), refused_until(now + period));
        now += period;
        run(b, verdict::failure, now);
    }
    now += 100s;
    run(b, verdict::success, now);
    EXPECT_EQ(b.state(), circuit_state::closed);
    run(b, 4, verdict::failure, now);
    EXPECT_EQ(b.admit(now), refused_until(now + 10s));
}

TEST(circuit_breaker, a_broken_multiplier_grows_exactly)
{
    auto o = small();
    o.half_open_permits = 1;
    o.open_for = 1'000'000'000ns;
    o.open_multiplier = 1.1;
    o.open_max = std::nullopt;
    auto b = opened(o);
    auto now = at(0s);
    for (auto const period : {1'000'000'000ns, 1'100'000'000ns, 1'210'000'000ns, 1'331'000'000ns,
                              1'464'100'000ns, 1'610'510'000ns, 1'771'561'000ns, 1'948'717'100ns,
                              2'143'588'810ns, 2'357'947'691ns, 2'593'742'460ns}) {
        EXPECT_EQ(b.admit(now), refused_until(now + period));
        now += period;
        run(b, verdict::failure, now);
    }
}

TEST(circuit_breaker, lasts_as_long_after_more_openings_than_it_can_count)
{
    auto o = small();
    o.half_open_permits = 1;
    o.open_for = 1s;
    o.open_max = 4s;
    auto b = opened(o);
    auto now = at(0s);
    for (auto openings = 1; openings < 65'540; ++openings) {
        run(b, verdict::failure, now += 4s);
        if (openings > 1) {
            ASSERT_EQ(b.admit(now), refused_until(now + 4s));
        }
    }
}

TEST(circuit_breaker, an_open_period_without_a_limit_saturates)
{
    auto o = small();
    o.half_open_permits = 1;
    o.open_for = 24h * 365;
    o.open_multiplier = 100.0;
    o.open_max = std::nullopt;
    auto b = opened(o);
    run(b, verdict::failure, at(24h * 365));
    EXPECT_EQ(b.admit(at(24h * 366)), refused_until(at(24h * 365 * 101)));
    run(b, verdict::failure, at(24h * 365 * 101));
    EXPECT_EQ(b.admit(at(24h * 365 * 102)), refused_until(time_point::max()));
    EXPECT_EQ(b.admit(time_point::max()).what, admission::kind::granted);
}

TEST(circuit_breaker, a_call_that_ends_while_the_circuit_is_open_changes_nothing)
{
    breaker b(small());
    auto const late = b.admit(at(0s)).pass;
    run(b, 4, verdict::failure, at(0s));
    EXPECT_FALSE(b.settle(late, verdict::failure, at(9s)));
    EXPECT_FALSE(b.settle(late, verdict::success, at(9s)));
    EXPECT_EQ(b.admit(at(9s)), refused_until(at(10s)));
    EXPECT_EQ(b.snapshot(at(9s)).window, tally{});
}

// Half-open

TEST(circuit_breaker, a_stale_success_does_not_close_a_half_open_circuit)
{
    breaker b(small());
    auto const stale = b.admit(at(0s)).pass;
    run(b, 4, verdict::failure, at(0s));
    auto const trial = b.admit(at(10s)).pass;
    EXPECT_FALSE(b.settle(stale, verdict::success, at(11s)));
    EXPECT_FALSE(b.settle(stale, verdict::success, at(11s)));
    EXPECT_EQ(b.snapshot(at(11s)).window, tally{});
    EXPECT_EQ(b.snapshot(at(11s)).trials_in_flight, 1U);
    b.settle(trial, verdict::success, at(11s));
    EXPECT_EQ(b.state(), circuit_state::half_open);
}

TEST(circuit_breaker, a_stale_trial_does_not_count_in_the_next_half_open_period)
{
    auto o = small();
    o.half_open_max = 1s;
    auto b = opened(o);
    auto const lost = b.admit(at(10s)).pass;
    EXPECT_EQ(b.admit(at(11s)), refused_until(at(31s)));
    b.admit(at(31s));
    EXPECT_FALSE(b.settle(lost, verdict::success, at(31s)));
    EXPECT_EQ(b.snapshot(at(31s)).trials_in_flight, 1U);
}

TEST(circuit_breaker, trials_are_judged_together_when_all_have_ended)
{
    auto o = small();
    o.half_open_permits = 4;
    o.failure_ratio = 0.5;
    for (int failures = 0; failures <= 4; ++failures) {
        auto b = opened(o);
        run(b, failures, verdict::failure, at(10s));
        run(b, 3 - failures, verdict::success, at(10s));
        if (failures < 4) {
            EXPECT_EQ(b.state(), circuit_state::half_open) << failures;
            run(b, verdict::success, at(10s));
        }
        EXPECT_EQ(b.state(), failures >= 2 ? circuit_state::open : circuit_state::closed) << failures;
    }
}

TEST(circuit_breaker, slow_trials_open_again)
{
    auto o = small();
    o.slow_call = 1s;
    o.slow_ratio = 0.5;
    auto b = opened(o);
    auto const first = b.admit(at(10s)).pass;
    auto const second = b.admit(at(10s)).pass;
    b.settle(first, verdict::success, at(11s));
    b.settle(second, verdict::success, at(11s + 1ns));
    EXPECT_EQ(b.state(), circuit_state::open);
}

TEST(circuit_breaker, the_first_failed_trial_opens_a_consecutive_circuit_again)
{
    auto o = small();
    o.window = consecutive_window{4};
    o.half_open_permits = 3;
    auto b = opened(o);
    run(b, 2, verdict::success, at(10s));
    EXPECT_EQ(b.state(), circuit_state::half_open);
    run(b, verdict::failure, at(10s));
    EXPECT_EQ(b.admit(at(10s)), refused_until(at(30s)));
    run(b, 3, verdict::success, at(30s));
    EXPECT_EQ(b.state(), circuit_state::closed);
}

TEST(circuit_breaker, a_cancelled_trial_gives_its_permit_back)
{
    auto b = opened(small());
    for (int i = 0; i < 100; ++i) {
        auto const trial = b.admit(at(10s));
        ASSERT_EQ(trial.what, admission::kind::granted);
        EXPECT_FALSE(b.settle(trial.pass, verdict::ignored, at(10s)));
    }
    EXPECT_EQ(b.snapshot(at(10s)).trials_in_flight, 0U);
    run(b, 2, verdict::success, at(11s));
    EXPECT_EQ(b.state(), circuit_state::closed);
}

TEST(circuit_breaker, trials_that_never_end_do_not_keep_the_circuit_half_open)
{
    auto o = small();
    o.half_open_max = 5s;
    auto b = opened(o);
    b.admit(at(12s));
    b.admit(at(12s));
    EXPECT_EQ(b.admit(at(17s - 1ns)), admission::refused(errc::circuit_half_open));
    EXPECT_EQ(b.admit(at(17s)), refused_until(at(37s))) << "counts as a further opening";
    EXPECT_EQ(b.admit(at(37s)).what, admission::kind::granted);
}

TEST(circuit_breaker, without_a_limit_the_circuit_stays_half_open_until_its_trials_end)
{
    auto o = small();
    o.half_open_max = std::nullopt;
    auto b = opened(o);
    auto const first = b.admit(at(10s)).pass;
    b.admit(at(10s));
    EXPECT_EQ(b.admit(time_point::max()), admission::refused(errc::circuit_half_open));
    b.settle(first, verdict::ignored, time_point::max());
    EXPECT_EQ(b.admit(time_point::max()).what, admission::kind::granted);
}

// Forced

TEST(circuit_breaker, a_forced_open_circuit_refuses_until_it_is_closed_by_force)
{
    breaker b(small());
    auto const running = b.admit(at(0s)).pass;
    run(b, 3, verdict::failure, at(0s));
    b.force_open(at(1s));
    EXPECT_EQ(b.state(), circuit_state::forced_open);
    EXPECT_EQ(b.admit(time_point::max()), admission::refused(errc::circuit_forced_open));
    EXPECT_FALSE(b.settle(running, verdict::success, at(2s)));
    b.force_close(at(3s));
    EXPECT_EQ(b.state(), circuit_state::closed);
    EXPECT_EQ(b.snapshot(at(3s)).window, tally{});
    EXPECT_EQ(b.admit(at(3s)).what, admission::kind::granted);
}

TEST(circuit_breaker, closing_by_force_forgets_how_often_the_circuit_opened)
{
    auto o = small();
    o.half_open_permits = 1;
    auto b = opened(o);
    run(b, verdict::failure, at(10s));
    EXPECT_EQ(b.admit(at(10s)), refused_until(at(30s)));
    b.force_close(at(11s));
    run(b, 4, verdict::failure, at(12s));
    EXPECT_EQ(b.admit(at(12s)), refused_until(at(22s)));
}

TEST(circuit_breaker, closing_a_closed_circuit_by_force_starts_a_new_generation)
{
    breaker b(small());
    auto const before = b.admit(at(0s)).pass;
    run(b, 2, verdict::failure, at(0s));
    b.force_close(at(1s));
    EXPECT_EQ(b.snapshot(at(1s)).window, tally{});
    EXPECT_FALSE(b.settle(before, verdict::failure, at(2s)));
}

// What spares its users the time

TEST(circuit_breaker, time_is_of_no_matter_without_slow_calls_and_a_window_of_time)
{
    auto o = small();
    EXPECT_TRUE(breaker(o).is_timeless());
    o.slow_call = 1s;
    EXPECT_FALSE(breaker(o).is_timeless());
    o.window = time_window{};
    EXPECT_FALSE(breaker(o).is_timeless());
    o.slow_call.reset();
    EXPECT_FALSE(breaker(o).is_timeless());
    o.window = consecutive_window{};
    EXPECT_TRUE(breaker(o).is_timeless());
}

TEST(circuit_breaker, a_success_is_safe_once_the_window_holds_enough_calls)
{
    breaker b(small());
    run(b, 3, verdict::success, at(0s));
    EXPECT_FALSE(b.is_safe_from_success());
    run(b, verdict::success, at(0s));
    EXPECT_TRUE(b.is_safe_from_success());
    b.force_open(at(0s));
    EXPECT_FALSE(b.is_safe_from_success());
}

TEST(circuit_breaker, a_success_that_brings_the_calls_to_the_number_needed_can_open)
{
    breaker b(small());
    run(b, 2, verdict::failure, at(0s));
    run(b, verdict::success, at(0s));
    EXPECT_FALSE(b.is_safe_from_success());
    run(b, verdict::success, at(0s));
    EXPECT_EQ(b.state(), circuit_state::open) << "two of four is half";
    EXPECT_FALSE(b.is_safe_from_success());
    b.admit(at(10s));
    ASSERT_EQ(b.state(), circuit_state::half_open);
    EXPECT_FALSE(b.is_safe_from_success()) << "a trial counts";
}

TEST(circuit_breaker, a_success_is_always_safe_for_a_run_of_failures_and_never_for_a_window_of_time)
{
    auto o = small();
    o.window = consecutive_window{4};
    EXPECT_TRUE(breaker(o).is_safe_from_success());
    EXPECT_FALSE(opened(o).is_safe_from_success());
    o.window = time_window{};
    breaker b(o);
    run(b, 9, verdict::success, at(0s));
    EXPECT_FALSE(b.is_safe_from_success()) << "outcomes of old may leave the window unasked";
}

TEST(circuit_breaker, a_success_moves_nothing_once_the_window_is_full_of_them)
{
    breaker b(small());
    run(b, 9, verdict::success, at(0s));
    EXPECT_FALSE(b.is_unmoved_by_success()) << "it would be counted";
    run(b, verdict::success, at(0s));
    EXPECT_TRUE(b.is_unmoved_by_success());
    run(b, verdict::failure, at(0s));
    run(b, 9, verdict::success, at(0s));
    EXPECT_FALSE(b.is_unmoved_by_success()) << "it would push the failure out";
    run(b, verdict::success, at(0s));
    EXPECT_TRUE(b.is_unmoved_by_success());
    b.force_open(at(0s));
    EXPECT_FALSE(b.is_unmoved_by_success());
}

TEST(circuit_breaker, a_success_moves_slow_calls_on)
{
    auto o = small();
    o.slow_call = 1s;
    breaker b(o);
    run(b, 9, verdict::success, at(0s));
    b.settle(b.admit(at(0s)).pass, verdict::success, at(2s));
    EXPECT_FALSE(b.is_unmoved_by_success()) << "it would push the slow call out";
    run(b, 10, verdict::success, at(2s));
    EXPECT_TRUE(b.is_unmoved_by_success());
}

TEST(circuit_breaker, a_success_moves_a_run_of_failures_and_any_window_of_time)
{
    auto o = small();
    o.window = consecutive_window{4};
    breaker row(o);
    EXPECT_TRUE(row.is_unmoved_by_success());
    run(row, verdict::failure, at(0s));
    EXPECT_FALSE(row.is_unmoved_by_success());
    o.window = time_window{};
    breaker time(o);
    run(time, 100, verdict::success, at(0s));
    EXPECT_FALSE(time.is_unmoved_by_success());
}

/// Of two breakers one is spared what would not move it: nobody can tell them apart, then or later.
TEST(circuit_breaker, to_leave_out_what_moves_nothing_is_never_seen)
{
    tests::dice dice(3);
    auto o = small();
    o.half_open_max.reset();
    std::size_t spared = 0;
    for (auto const& window :
         {decltype(o.window)(count_window{5}), decltype(o.window)(consecutive_window{3})}) {
        o.window = window;
        breaker told(o);
        breaker left_out(o);
        for (int i = 0; i < 20'000; ++i) {
            auto const now = at(i * 1s);
            auto const answer = told.admit(now);
            ASSERT_EQ(answer, left_out.admit(now));
            if (answer.what != admission::kind::granted) continue;
            auto const v = dice.one_in(4) ? verdict::failure : verdict::success;
            auto const moves_nothing = v == verdict::success && left_out.is_unmoved_by_success();
            told.settle(answer.pass, v, now);
            if (!moves_nothing) left_out.settle(answer.pass, v, now);
            spared += moves_nothing ? 1U : 0U;
            ASSERT_EQ(told.state(), left_out.state());
            ASSERT_EQ(told.snapshot(now).window, left_out.snapshot(now).window);
            ASSERT_EQ(told.snapshot(now).consecutive_failures, left_out.snapshot(now).consecutive_failures);
        }
    }
    EXPECT_GT(spared, 1000U);
}

TEST(circuit_breaker, copies_go_their_own_ways)
{
    breaker b(small());
    run(b, 3, verdict::failure, at(0s));
    auto copy = b;
    run(copy, verdict::failure, at(0s));
    EXPECT_EQ(copy.state(), circuit_state::open);
    EXPECT_EQ(b.state(), circuit_state::closed);
    EXPECT_EQ(b.snapshot(at(0s)).window, (tally{3, 3, 0}));
}

TEST(circuit, is_small_and_so_is_its_window)
{
    EXPECT_LE(sizeof(policy::circuit), 24U);
    auto o = small();
    o.window = count_window{100};
    EXPECT_EQ(policy::circuit_rules(o).words(), 3U);
    o.window = consecutive_window{5};
    EXPECT_EQ(policy::circuit_rules(o).words(), 2U) << "room for the trials";
}

} // namespace
