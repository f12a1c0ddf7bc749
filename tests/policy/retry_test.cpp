#include <keel/policy/retry.hpp>

#include "support/dice.hpp"
#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using faults = std::vector<option_fault>;
using policy::give_up;
using policy::retry_action;
using policy::retry_after;
using loop = policy::retry;

constexpr time_point at(duration since_start) { return time_point(since_start); }

constexpr chance half{1, 2};
constexpr auto no_deadline = std::nullopt;
constexpr auto no_hint = std::nullopt;

retry_action after(duration pause) { return retry_after{pause}; }

retry_action stop(retry_stop why) { return give_up{why}; }

/// Three attempts with a second between them.
retry_options three()
{
    retry_options o;
    o.backoff = constant{.base = 1s};
    return o;
}

/// What a loop of `o` that began at 0 does when its first attempt fails at `now`.
retry_action first_failure(retry_options const& o, time_point now, std::optional<time_point> deadline,
                           std::optional<duration> hint = no_hint)
{
    loop l(o);
    l.start(at(0s));
    return l.attempt_failed(now, deadline, hint, half);
}

TEST(retry, shows_how_far_a_loop_has_come)
{
    auto const o = three();
    loop l(o);
    l.start(at(5s));
    l.attempt_started();
    EXPECT_EQ(l.snapshot().attempts, 2U);
    EXPECT_EQ(l.snapshot().max_attempts, 3U);
    EXPECT_EQ(l.snapshot().started, at(5s));
}

// A life

TEST(retry, a_life_tries_again_after_growing_pauses_until_the_attempts_are_used_up)
{
    retry_options o;
    o.max_attempts = 4;
    o.backoff = exponential{.base = 100ms, .jitter = jitter::equal};
    loop l(o);
    EXPECT_EQ(l.attempts(), 0U);
    l.start(at(0s));
    EXPECT_EQ(l.attempts(), 1U);
    EXPECT_EQ(l.attempt_failed(at(1s), no_deadline, no_hint, half), after(75ms));
    l.attempt_started();
    EXPECT_EQ(l.attempt_failed(at(2s), no_deadline, no_hint, chance{0, 1}), after(100ms));
    l.attempt_started();
    EXPECT_EQ(l.attempt_failed(at(3s), no_deadline, no_hint, half), after(300ms));
    l.attempt_started();
    EXPECT_EQ(l.attempts(), 4U);
    EXPECT_EQ(l.attempt_failed(at(4s), no_deadline, no_hint, half), stop(retry_stop::attempts));
}

TEST(retry, the_default_makes_three_attempts)
{
    retry_options const o;
    loop l(o);
    l.start(at(0s));
    EXPECT_EQ(l.attempt_failed(at(1s), no_deadline, no_hint, half), after(25ms));
    l.attempt_started();
    EXPECT_EQ(l.attempt_failed(at(2s), no_deadline, no_hint, half), after(50ms));
    l.attempt_started();
    EXPECT_EQ(l.attempt_failed(at(3s), no_deadline, no_hint, half), stop(retry_stop::attempts));
    EXPECT_EQ(&l.options(), &o);
}

TEST(retry, a_loop_can_be_used_for_another_call)
{
    auto const o = three();
    loop l(o);
    l.start(at(0s));
    l.attempt_started();
    l.attempt_started();
    EXPECT_EQ(l.attempt_failed(at(1s), no_deadline, no_hint, half), stop(retry_stop::attempts));
    l.start(at(10s));
    EXPECT_EQ(l.attempts(), 1U);
    EXPECT_EQ(l.attempt_failed(at(11s), no_deadline, no_hint, half), after(1s));
}

// How often

TEST(retry, a_single_attempt_is_never_repeated)
{
    auto o = three();
    o.max_attempts = 1;
    EXPECT_EQ(first_failure(o, at(1s), no_deadline), stop(retry_stop::attempts));
}

TEST(retry, without_a_number_of_attempts_only_time_ends_the_loop)
{
    auto o = three();
    o.max_attempts = std::nullopt;
    o.max_duration = 24h;
    loop l(o);
    l.start(at(0s));
    for (int i = 0; i < 10'000; ++i) {
        ASSERT_EQ(l.attempt_failed(at(i * 1s), no_deadline, no_hint, half), after(1s));
        l.attempt_started();
    }
    EXPECT_EQ(l.attempts(), 10'001U);
    EXPECT_EQ(l.attempt_failed(at(24h), no_deadline, no_hint, half), stop(retry_stop::max_duration));
}

TEST(retry, the_highest_number_of_attempts_works)
{
    auto o = three();
    o.max_attempts = std::numeric_limits<std::uint32_t>::max();
    loop l(o);
    EXPECT_EQ(l.decide(*o.max_attempts - 1, no_deadline, no_hint, half), after(1s));
    EXPECT_EQ(l.decide(*o.max_attempts, no_deadline, no_hint, half), stop(retry_stop::attempts));
}

// Until when

TEST(retry, an_attempt_may_begin_just_at_the_maximal_duration_and_no_later)
{
    auto o = three();
    o.max_duration = 10s;
    EXPECT_EQ(first_failure(o, at(9s), no_deadline), after(1s));
    EXPECT_EQ(first_failure(o, at(9s) + 1ns, no_deadline), stop(retry_stop::max_duration));
    EXPECT_EQ(first_failure(o, at(11s), no_deadline), stop(retry_stop::max_duration));
}

TEST(retry, the_maximal_duration_counts_from_the_first_attempt)
{
    auto o = three();
    o.max_duration = 10s;
    loop l(o);
    l.start(at(100s));
    EXPECT_EQ(l.attempt_failed(at(105s), no_deadline, no_hint, half), after(1s));
    l.attempt_started();
    EXPECT_EQ(l.attempt_failed(at(110s), no_deadline, no_hint, half), stop(retry_stop::max_duration));
}

TEST(retry, a_pause_that_reaches_the_deadline_is_not_begun)
{
    auto const o = three();
    EXPECT_EQ(first_failure(o, at(3s), at(4s) + 1ns), after(1s));
    EXPECT_EQ(first_failure(o, at(3s), at(4s)), stop(retry_stop::deadline));
    EXPECT_EQ(first_failure(o, at(3s), at(3s)), stop(retry_stop::deadline));
    EXPECT_EQ(first_failure(o, at(3s), at(1s)), stop(retry_stop::deadline)) << "the deadline is past";
}

TEST(retry, without_a_pause_a_call_is_still_not_repeated_at_its_deadline)
{
    auto o = three();
    o.backoff = constant{.base = 0ns};
    EXPECT_EQ(first_failure(o, at(3s), at(3s) + 1ns), after(0ns));
    EXPECT_EQ(first_failure(o, at(3s), at(3s)), stop(retry_stop::deadline));
}

// What the server asks for

TEST(retry, a_hint_makes_a_pause_longer_and_never_shorter)
{
    auto const o = three();
    EXPECT_EQ(first_failure(o, at(0s), no_deadline, 5s), after(5s));
    EXPECT_EQ(first_failure(o, at(0s), no_deadline, 500ms), after(1s));
    EXPECT_EQ(first_failure(o, at(0s), no_deadline, 0ns), after(1s));
    EXPECT_EQ(first_failure(o, at(0s), no_deadline, duration::min()), after(1s));
}

TEST(retry, a_hint_may_go_above_the_cap_of_the_backoff)
{
    auto o = three();
    o.backoff = constant{.base = 1s, .cap = 1s};
    EXPECT_EQ(first_failure(o, at(0s), no_deadline, 50s), after(50s));
}

TEST(retry, a_hint_longer_than_its_cap_ends_the_retrying)
{
    auto o = three();
    o.hint_cap = 10s;
    EXPECT_EQ(first_failure(o, at(0s), no_deadline, 10s), after(10s));
    EXPECT_EQ(first_failure(o, at(0s), no_deadline, 10s + 1ns), stop(retry_stop::hint_too_long));
    EXPECT_EQ(first_failure(o, at(0s), no_deadline, duration::max()), stop(retry_stop::hint_too_long));
    o.hint_cap = 0ns;
    EXPECT_EQ(first_failure(o, at(0s), no_deadline, 1ns), stop(retry_stop::hint_too_long));
    EXPECT_EQ(first_failure(o, at(0s), no_deadline, 0ns), after(1s));
}

TEST(retry, of_several_reasons_to_stop_the_first_in_order_is_told)
{
    auto o = three();
    o.hint_cap = 10s;
    o.max_duration = 2s;
    auto last = o;
    last.max_attempts = 1;
    EXPECT_EQ(first_failure(last, at(5s), at(5s), 11s), stop(retry_stop::attempts));
    EXPECT_EQ(first_failure(o, at(5s), at(5s), 11s), stop(retry_stop::hint_too_long));
    EXPECT_EQ(first_failure(o, at(5s), at(5s), 9s), stop(retry_stop::deadline));
    EXPECT_EQ(first_failure(o, at(5s), at(50s), 9s), stop(retry_stop::max_duration));
}

TEST(retry, a_decorrelated_draw_is_remembered_even_when_nothing_comes_of_it)
{
    auto o = three();
    o.backoff = constant{.base = 100ms, .jitter = jitter::decorrelated};
    loop l(o);
    l.start(at(0s));
    EXPECT_EQ(l.attempt_failed(at(0s), no_deadline, 61s, half), stop(retry_stop::hint_too_long));
    EXPECT_EQ(l.attempt_failed(at(0s), no_deadline, no_hint, half), after(350ms))
        << "the second draw, not the first";
}

// Extremes

TEST(retry, the_longest_pauses_saturate)
{
    auto o = three();
    o.backoff = constant{.base = duration::max()};
    o.hint_cap = duration::max();
    EXPECT_EQ(first_failure(o, time_point::max(), no_deadline, duration::max()), after(duration::max()));
    EXPECT_EQ(first_failure(o, at(0s), time_point::max()), stop(retry_stop::deadline));
    EXPECT_EQ(first_failure(o, time_point::min(), time_point::max()), stop(retry_stop::deadline));
    o.max_duration = duration::max();
    EXPECT_EQ(first_failure(o, at(1s), no_deadline), after(duration::max()));
    o.max_duration = duration::max() - 1ns;
    EXPECT_EQ(first_failure(o, at(1s), no_deadline), stop(retry_stop::max_duration));
}

// Laws

retry_options any_options(tests::dice& dice)
{
    retry_options o;
    o.max_attempts = dice.one_in(4) ? std::nullopt : std::optional(dice.between(1U, 8U));
    if (!o.max_attempts || dice.one_in(2)) o.max_duration = dice.between(1ns, 2000ns);
    auto const base = dice.between(0ns, 100ns);
    auto const how = static_cast<jitter>(dice.below(5));
    if (dice.one_in(2))
        o.backoff = exponential{.base = base, .cap = 300ns, .jitter = how};
    else
        o.backoff = linear{.base = base, .cap = 300ns, .jitter = how};
    o.hint_cap = dice.between(0ns, 500ns);
    return o;
}

/// One call that fails until its loop gives up; checks every law on the way.
void fail_until_it_gives_up(retry_options const& o, tests::dice& dice)
{
    auto const begin = at(dice.between(0ns, 1000ns));
    auto const deadline = dice.one_in(2) ? std::nullopt : std::optional(begin + dice.between(0ns, 3000ns));
    loop l(o);
    auto now = begin;
    l.start(now);
    for (std::uint32_t attempt = 1;; ++attempt) {
        ASSERT_EQ(l.attempts(), attempt);
        ASSERT_LE(attempt, o.max_attempts.value_or(10'000));
        now += dice.between(1ns, 50ns);
        auto const hint = dice.one_in(3) ? std::optional(dice.between(0ns, 600ns)) : std::nullopt;
        auto const action = l.attempt_failed(now, deadline, hint, dice.draw());
        auto const* const next = std::get_if<retry_after>(&action);
        if (!next) {
            ASSERT_NE(std::get<give_up>(action).why, retry_stop::none);
            return;
        }
        ASSERT_GE(next->pause, hint.value_or(0ns)) << "a hint is honoured";
        ASSERT_LE(hint.value_or(0ns), o.hint_cap);
        ASSERT_LE(next->pause, std::max<duration>(hint.value_or(0ns), 300ns))
            << "only a hint leads above the cap";
        now += next->pause;
        if (deadline) {
            ASSERT_LT(now, *deadline) << "no attempt begins at the deadline or later";
        }
        if (o.max_duration) {
            ASSERT_LE(now - begin, *o.max_duration);
        }
        l.attempt_started();
    }
}

TEST(retry, no_loop_leaves_its_limits)
{
    tests::dice dice(29);
    for (int i = 0; i < 20'000; ++i) {
        auto const o = any_options(dice);
        ASSERT_EQ(validate(o).list(), faults{});
        fail_until_it_gives_up(o, dice);
        if (::testing::Test::HasFatalFailure()) FAIL() << "call " << i;
    }
}

// Options

TEST(retry, the_default_options_are_in_range) { EXPECT_EQ(validate(retry_options{}).list(), faults{}); }

TEST(retry, every_option_out_of_range_is_reported_at_once)
{
    retry_options o;
    o.max_attempts = 0;
    o.max_duration = -1s;
    o.hint_cap = -1ms;
    o.backoff = exponential{.base = -1ns, .multiplier = 0.5, .cap = -1s, .spread = 2};
    EXPECT_EQ(validate(o).list(), (faults{{"max_attempts", "0", "at least 1, or nullopt"},
                                          {"max_duration", "-1s", "above 0, or nullopt"},
                                          {"hint_cap", "-1ms", "0 or more"},
                                          {"backoff.base", "-1ns", "0 or more"},
                                          {"backoff.multiplier", "0.5", "1 to 100"},
                                          {"backoff.spread", "2", "0 to 1"},
                                          {"backoff.cap", "-1s", "0 or more"}}));
}

TEST(retry, a_custom_backoff_without_a_function_is_out_of_range)
{
    retry_options o;
    o.backoff = custom{};
    EXPECT_EQ(validate(o).list(), (faults{{"backoff.delay", "\"empty\"", "a function"}}));
}

TEST(retry, something_must_end_the_loop)
{
    retry_options o;
    o.max_attempts = std::nullopt;
    EXPECT_EQ(validate(o).list(),
              (faults{{"max_attempts", "\"nullopt\"", "a number, unless max_duration is set"}}));
    o.max_duration = 1s;
    EXPECT_TRUE(validate(o).empty());
}

TEST(retry, both_ends_of_every_range_are_in_it)
{
    retry_options o;
    o.max_attempts = 1;
    o.max_duration = 1ns;
    o.hint_cap = 0ns;
    EXPECT_TRUE(validate(o).empty());
    o.max_attempts = std::numeric_limits<std::uint32_t>::max();
    o.max_duration = o.hint_cap = duration::max();
    EXPECT_TRUE(validate(o).empty());
    o.max_duration = 0ns;
    EXPECT_EQ(validate(o).list(), (faults{{"max_duration", "0ns", "above 0, or nullopt"}}));
}

TEST(retry, every_reason_to_stop_has_the_name_it_is_written_with)
{
    EXPECT_EQ(to_string(retry_stop::none), "none");
    EXPECT_EQ(to_string(retry_stop::success), "success");
    EXPECT_EQ(to_string(retry_stop::not_retryable), "not_retryable");
    EXPECT_EQ(to_string(retry_stop::attempts), "attempts");
    EXPECT_EQ(to_string(retry_stop::max_duration), "max_duration");
    EXPECT_EQ(to_string(retry_stop::deadline), "deadline");
    EXPECT_EQ(to_string(retry_stop::hint_too_long), "hint_too_long");
    EXPECT_EQ(to_string(retry_stop::budget), "budget");
    EXPECT_EQ(to_string(retry_stop::cancelled), "cancelled");
    EXPECT_EQ(to_string(static_cast<retry_stop>(99)), "unknown");
}

} // namespace
