#include <keel/policy/circuit_breaker.hpp>

#include "support/dice.hpp"
#include "support/naive_breaker.hpp"
#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using policy::tally;
using faults = std::vector<option_fault>;
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
            for (std::size_t i = 0; i < 100; ++i) run(b, i < failures ? verdict::failure : verdict::success, at(0s));
            EXPECT_EQ(b.state() == circuit_state::open, failures == percent) << failures << " of 100 at " << percent << " %";
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
    for (auto const period : {1'000'000'000ns, 1'100'000'000ns, 1'210'000'000ns, 1'331'000'000ns, 1'464'100'000ns,
                              1'610'510'000ns, 1'771'561'000ns, 1'948'717'100ns, 2'143'588'810ns, 2'357'947'691ns,
                              2'593'742'460ns}) {
        EXPECT_EQ(b.admit(now), refused_until(now + period));
        now += period;
        run(b, verdict::failure, now);
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

// Random histories

struct setting
{
    circuit_breaker_options options;
    tests::naive_breaker::rules rules;
};

/// The same circuit in both languages: window, ratios and periods are drawn.
setting any_setting(tests::dice& dice)
{
    setting s;
    auto& [o, r] = s;
    switch (dice.below(3)) {
    case 0:
        r.last = dice.between<std::size_t>(1, 12);
        o.window = count_window{*r.last};
        break;
    case 1:
        r.slices = dice.between<std::int64_t>(1, 6);
        r.slice = dice.between(5ns, 40ns);
        o.window = time_window{*r.slice * r.slices, static_cast<std::size_t>(r.slices)};
        break;
    default:
        r.in_a_row = dice.between<std::size_t>(1, 4);
        o.window = consecutive_window{*r.in_a_row};
        break;
    }
    r.min_calls = o.min_calls = dice.between<std::size_t>(1, 8);
    r.failure_percent = dice.one_in(4) ? std::nullopt : std::optional(dice.between<std::size_t>(1, 100));
    r.slow_call = dice.between(0ns, 10ns);
    r.slow_percent = dice.one_in(2) && r.failure_percent ? std::nullopt : std::optional(dice.between<std::size_t>(1, 100));
    o.slow_call = r.slow_call;
    o.failure_ratio.reset();
    if (r.failure_percent) o.failure_ratio = static_cast<double>(*r.failure_percent) / 100;
    if (r.slow_percent) o.slow_ratio = static_cast<double>(*r.slow_percent) / 100;
    r.open_for = o.open_for = dice.between(1ns, 60ns);
    r.open_multiplier = dice.between<std::int64_t>(1, 4);
    o.open_multiplier = static_cast<double>(r.open_multiplier);
    r.open_max = o.open_max = o.open_for + dice.between(0ns, 300ns);
    r.permits = o.half_open_permits = dice.between<std::size_t>(1, 4);
    r.half_open_max = dice.one_in(3) ? std::nullopt : std::optional(dice.between(1ns, 80ns));
    o.half_open_max = r.half_open_max;
    return s;
}

using edge = std::pair<circuit_state, circuit_state>;

std::set<edge> const legal_edges{{circuit_state::closed, circuit_state::open},
                                 {circuit_state::open, circuit_state::half_open},
                                 {circuit_state::half_open, circuit_state::open},
                                 {circuit_state::half_open, circuit_state::closed}};

/// One history: random calls against a circuit, its description in a model, and its laws.
class history
{
public:
    explicit history(tests::dice& dice) : history(dice, any_setting(dice)) {}

    void step()
    {
        now_ += dice_.one_in(30) ? dice_.between(0ns, 200ns) : dice_.between(0ns, 6ns);
        auto const before = breaker_.state();
        auto forced = false;
        if (dice_.one_in(500)) {
            force();
            forced = true;
        } else if (in_flight_.empty() || dice_.one_in(2)) {
            admit();
        } else {
            settle(dice_.below(4U));
        }
        check_laws(before, forced);
    }

    /// However the calls in flight end, an open circuit lets somebody in once its time has come.
    void expect_alive()
    {
        if (breaker_.state() == circuit_state::forced_open) return;
        while (!in_flight_.empty()) settle(3);
        if (auto const until = breaker_.snapshot(now_).opens_until) now_ = std::max(now_, *until);
        auto answer = breaker_.admit(now_);
        if (answer.at) answer = breaker_.admit(now_ = *answer.at); // it had been half-open for too long
        EXPECT_EQ(answer.what, admission::kind::granted);
    }

private:
    history(tests::dice& dice, setting const& s) : dice_(dice), naive_(s.rules), breaker_(s.options), permits_(s.rules.permits) {}

    void admit()
    {
        auto const before = breaker_.state();
        auto const answer = breaker_.admit(now_);
        auto const granted = answer.what == admission::kind::granted;
        ASSERT_EQ(granted, naive_.admit(now_));
        if (granted) {
            ASSERT_EQ(answer.pass, (grant{naive_.generation(), now_, 1}));
            in_flight_.push_back(answer.pass);
        } else {
            ASSERT_EQ(answer.at, naive_.until());
        }
        if (before == circuit_state::closed) {
            ASSERT_TRUE(granted) << "closed admits all";
        }
    }

    void settle(unsigned what)
    {
        auto const call = in_flight_.begin() + static_cast<std::ptrdiff_t>(dice_.below(in_flight_.size()));
        auto const pass = *call;
        in_flight_.erase(call);
        auto const v = static_cast<verdict>(what);
        ASSERT_EQ(breaker_.settle(pass, v, now_), naive_.settle(pass.generation, pass.at, v, now_));
    }

    void force()
    {
        if (breaker_.state() != circuit_state::forced_open && dice_.one_in(2)) {
            breaker_.force_open(now_);
            naive_.force_open(now_);
        } else {
            breaker_.force_close(now_);
            naive_.force_close(now_);
        }
    }

    void check_laws(circuit_state before, bool forced) const
    {
        auto const seen = breaker_.snapshot(now_);
        ASSERT_EQ(seen.state, naive_.state());
        ASSERT_EQ(seen.generation, naive_.generation());
        ASSERT_EQ(seen.window, naive_.window(now_));
        ASSERT_EQ(seen.consecutive_failures, naive_.failures_in_a_row());
        ASSERT_EQ(seen.trials_in_flight, naive_.in_flight());
        ASSERT_EQ(seen.opens_until, naive_.until());
        if (seen.state == circuit_state::half_open) {
            ASSERT_LE(seen.trials_in_flight + seen.window.total, permits_);
        }
        if (seen.state == circuit_state::open) {
            ASSERT_EQ(seen.window, tally{});
        }
        if (before != seen.state && !forced) {
            ASSERT_TRUE(legal_edges.contains({before, seen.state})) << before << " to " << seen.state;
        }
    }

    tests::dice& dice_;
    tests::naive_breaker naive_;
    breaker breaker_;
    std::size_t permits_;
    std::vector<grant> in_flight_;
    time_point now_{};
};

TEST(circuit_breaker, decides_as_a_model_that_looks_through_all_outcomes_and_keeps_its_laws)
{
    tests::dice dice(22);
    for (int run = 0; run < 200; ++run) {
        history h(dice);
        for (int i = 0; i < 500; ++i) {
            h.step();
            if (HasFatalFailure()) FAIL() << "run " << run << ", step " << i;
        }
        h.expect_alive();
    }
}

// Options

TEST(circuit_breaker, the_default_options_are_in_range)
{
    EXPECT_EQ(validate(circuit_breaker_options{}).list(), faults{});
    circuit_breaker_options o;
    o.window = count_window{};
    EXPECT_TRUE(validate(o).empty());
    o.window = consecutive_window{};
    EXPECT_TRUE(validate(o).empty());
}

TEST(circuit_breaker, every_option_out_of_range_is_reported_at_once)
{
    circuit_breaker_options o;
    o.window = time_window{-1s, 1001};
    o.min_calls = 0;
    o.failure_ratio = 1.5;
    o.slow_call = -1ms;
    o.slow_ratio = 0.0;
    o.open_for = 0ns;
    o.open_multiplier = 0.5;
    o.open_max = -1s;
    o.half_open_permits = 0;
    o.half_open_max = 0ns;
    EXPECT_EQ(validate(o).list(), (faults{{"window.size", "-1s", "above 0"},
                                          {"window.buckets", "1001", "1 to 1000"},
                                          {"min_calls", "0", "at least 1"},
                                          {"failure_ratio", "1.5", "above 0 up to 1, or nullopt"},
                                          {"slow_ratio", "0", "above 0 up to 1, or nullopt"},
                                          {"slow_call", "-1ms", "0 or more, or nullopt"},
                                          {"open_for", "0ns", "above 0"},
                                          {"open_multiplier", "0.5", "1 to 100"},
                                          {"open_max", "-1s", "open_for (0ns) or more, or nullopt"},
                                          {"half_open_permits", "0", "at least 1"},
                                          {"half_open_max", "0ns", "above 0, or nullopt"}}));
}

TEST(circuit_breaker, every_kind_of_window_has_ranges_of_its_own)
{
    auto const with = [](auto window) {
        circuit_breaker_options o;
        o.window = window;
        return validate(o).list();
    };
    EXPECT_EQ(with(time_window{0ns, 0}), (faults{{"window.size", "0ns", "above 0"}, {"window.buckets", "0", "1 to 1000"}}));
    EXPECT_EQ(with(count_window{0}), (faults{{"window.size", "0", "1 to 1000000"}}));
    EXPECT_EQ(with(count_window{1'000'001}), (faults{{"window.size", "1000001", "1 to 1000000"}}));
    EXPECT_EQ(with(consecutive_window{0}), (faults{{"window.failures", "0", "at least 1"}}));
    EXPECT_EQ(with(time_window{duration::max(), 1000}), faults{});
    EXPECT_EQ(with(time_window{1ns, 1}), faults{});
    EXPECT_EQ(with(count_window{1}), faults{});
    EXPECT_EQ(with(count_window{1'000'000}), faults{});
    EXPECT_EQ(with(consecutive_window{1}), faults{});
}

TEST(circuit_breaker, a_slow_ratio_needs_to_know_what_slow_is)
{
    circuit_breaker_options o;
    o.slow_ratio = 0.5;
    EXPECT_EQ(validate(o).list(), (faults{{"slow_call", "\"nullopt\"", "a duration, because slow_ratio is set"}}));
    o.slow_call = 0ns;
    EXPECT_TRUE(validate(o).empty());
}

TEST(circuit_breaker, something_must_be_able_to_open_it)
{
    circuit_breaker_options o;
    o.failure_ratio = std::nullopt;
    EXPECT_EQ(validate(o).list(),
              (faults{{"failure_ratio", "\"nullopt\"", "a ratio, unless slow_ratio is set or the window is consecutive"}}));
    o.slow_call = 1s;
    o.slow_ratio = 1.0;
    EXPECT_TRUE(validate(o).empty());
    o.slow_ratio = std::nullopt;
    o.window = consecutive_window{};
    EXPECT_TRUE(validate(o).empty());
}

TEST(circuit_breaker, both_ends_of_every_range_are_in_it)
{
    circuit_breaker_options o;
    o.failure_ratio = 1.0;
    o.slow_call = duration::max();
    o.slow_ratio = 1.0;
    o.open_multiplier = 1.0;
    o.open_max = o.open_for;
    o.half_open_max = 1ns;
    EXPECT_EQ(validate(o).list(), faults{});
    o.open_multiplier = 100.0;
    o.open_for = o.open_max.emplace(duration::max());
    o.half_open_max = std::nullopt;
    EXPECT_EQ(validate(o).list(), faults{});
    o.open_max = duration::max() - 1ns;
    EXPECT_EQ(validate(o).list().size(), 1U);
}

TEST(circuit_breaker, what_is_not_a_number_is_out_of_range)
{
    circuit_breaker_options o;
    o.failure_ratio = o.slow_ratio = o.open_multiplier = std::nan("");
    o.slow_call = 1s;
    EXPECT_EQ(validate(o).list(), (faults{{"failure_ratio", "nan", "above 0 up to 1, or nullopt"},
                                          {"slow_ratio", "nan", "above 0 up to 1, or nullopt"},
                                          {"open_multiplier", "nan", "1 to 100"}}));
}

TEST(circuit_breaker, options_out_of_range_make_no_breaker)
{
    circuit_breaker_options o;
    o.min_calls = 0;
    o.open_max = 1s;
    try {
        breaker b(o);
        FAIL() << "two options are out of range";
    } catch (invalid_options const& e) {
        EXPECT_STREQ(e.what(), "circuit_breaker: min_calls is 0, allowed is at least 1; open_max is 1s, allowed is "
                               "open_for (5s) or more, or nullopt");
    }
}

TEST(circuit_breaker, every_state_has_the_name_it_is_written_with)
{
    EXPECT_EQ(to_string(circuit_state::closed), "closed");
    EXPECT_EQ(to_string(circuit_state::open), "open");
    EXPECT_EQ(to_string(circuit_state::half_open), "half_open");
    EXPECT_EQ(to_string(circuit_state::forced_open), "forced_open");
    EXPECT_EQ(to_string(static_cast<circuit_state>(99)), "unknown");
}

} // namespace
