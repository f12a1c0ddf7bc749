#include <keel/policy/rate_limiter.hpp>

#include "support/dice.hpp"
#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using faults = std::vector<option_fault>;
using limiter = policy::rate_limiter;

constexpr auto both_algorithms = {rate_algorithm::token_bucket, rate_algorithm::gcra};

constexpr time_point at(duration since_start) { return time_point(since_start); }

admission granted(time_point now, std::uint32_t weight = 1) { return admission::granted({0, now, weight}); }

admission reserved(time_point until, std::uint32_t weight = 1)
{
    return admission::reserved({0, until, weight}, until);
}

/// An answer without the number of its permit.
admission plain(admission answer)
{
    answer.pass.generation = 0;
    return answer;
}

admission ask(limiter& limit, time_point now, std::uint32_t weight, duration wait)
{
    return plain(limit.admit(now, weight, wait));
}

admission refused(std::optional<time_point> retry_at)
{
    return admission::refused(errc::rate_limited, retry_at);
}

// A life

TEST(rate_limiter, a_life_grants_reserves_refuses_and_takes_back)
{
    for (auto const algorithm : both_algorithms) {
        limiter limit({.permits = 10, .per = 1s, .burst = 3, .max_wait = 200ms, .algorithm = algorithm});
        auto const wait = limit.options().max_wait;
        EXPECT_EQ(limit.snapshot(at(0s)).available, 3);
        EXPECT_EQ(limit.snapshot(at(0s)).burst, 3U);
        for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(limit, at(0s), 1, wait), granted(at(0s)));
        EXPECT_EQ(ask(limit, at(0s), 1, wait), reserved(at(100ms)));
        auto const second = limit.admit(at(0s), 1, wait);
        EXPECT_EQ(plain(second), reserved(at(200ms)));
        EXPECT_EQ(ask(limit, at(0s), 1, wait), refused(at(300ms)));
        EXPECT_EQ(limit.snapshot(at(0s)).available, -2);
        limit.withdraw(second.pass, at(50ms));
        EXPECT_EQ(ask(limit, at(50ms), 1, wait), reserved(at(200ms)));
        EXPECT_EQ(ask(limit, at(300ms), 1, wait), granted(at(300ms)));
        EXPECT_EQ(limit.snapshot(at(1h)).available, 3);
    }
}

TEST(rate_limiter, keeps_its_rate_when_a_call_leaves_from_the_middle_of_the_queue)
{
    for (auto const algorithm : both_algorithms) {
        limiter limit({.permits = 1, .per = 1s, .burst = 1, .algorithm = algorithm});
        std::vector<grant> waiting;
        for (int i = 0; i < 4; ++i) waiting.push_back(limit.admit(at(0s), 1, 1h).pass); // 0 s, 1 s, 2 s, 3 s
        limit.withdraw(waiting[2], at(0s));
        EXPECT_EQ(ask(limit, at(0s), 1, 1h), reserved(at(4s))) << "the last keeps its 3 s";
    }
}

TEST(rate_limiter, gives_back_what_left_from_the_middle_once_all_behind_have_left)
{
    for (auto const algorithm : both_algorithms) {
        limiter limit({.permits = 1, .per = 1s, .burst = 1, .algorithm = algorithm});
        std::vector<grant> waiting;
        for (int i = 0; i < 5; ++i) waiting.push_back(limit.admit(at(0s), 1, 1h).pass);
        limit.withdraw(waiting[3], at(0s));
        limit.withdraw(waiting[2], at(0s));
        limit.withdraw(waiting[4], at(0s));
        EXPECT_EQ(ask(limit, at(0s), 1, 1h), reserved(at(2s)));
    }
}

TEST(rate_limiter, loses_a_reservation_whose_time_has_passed_before_those_behind_it_leave)
{
    for (auto const algorithm : both_algorithms) {
        limiter limit({.permits = 1, .per = 1s, .burst = 1, .algorithm = algorithm});
        std::vector<grant> waiting;
        for (int i = 0; i < 4; ++i) waiting.push_back(limit.admit(at(0s), 1, 1h).pass);
        limit.withdraw(waiting[1], at(0s));
        limit.withdraw(waiting[3], at(1500ms));
        EXPECT_EQ(ask(limit, at(1500ms), 1, 1h), reserved(at(3s)));
    }
}

TEST(rate_limiter, loses_it_for_good_also_when_all_behind_it_leave)
{
    for (auto const algorithm : both_algorithms)
        for (auto const left : {1000ms, 1500ms}) { // its time has just come, or is long over
            limiter limit({.permits = 1, .per = 1s, .burst = 1, .algorithm = algorithm});
            std::vector<grant> waiting;
            for (int i = 0; i < 4; ++i) waiting.push_back(limit.admit(at(0s), 1, 1h).pass);
            limit.withdraw(waiting[1], at(0s));
            limit.withdraw(waiting[3], at(left));
            limit.withdraw(waiting[2], at(left));
            EXPECT_EQ(ask(limit, at(left), 1, 1h), reserved(at(2s)));
        }
}

// The corners

TEST(rate_limiter, without_a_burst_of_its_own_a_whole_period_may_start_at_once)
{
    limiter limit({.permits = 7});
    EXPECT_EQ(limit.snapshot(at(0s)).burst, 7U);
    for (int i = 0; i < 7; ++i) EXPECT_EQ(limit.admit(at(0s), 1, 0ns).what, admission::kind::granted);
    EXPECT_EQ(ask(limit, at(0s), 1, 0ns), refused(at(142'857'143ns)));
}

TEST(rate_limiter, the_wait_that_counts_is_the_one_of_the_call)
{
    limiter limit({.permits = 1, .per = 1s, .max_wait = 0ns});
    EXPECT_EQ(ask(limit, at(0s), 1, 0ns), granted(at(0s)));
    EXPECT_EQ(ask(limit, at(0s), 1, 999'999'999ns), refused(at(1s)));
    EXPECT_EQ(ask(limit, at(0s), 1, 1s), reserved(at(1s)));
}

TEST(rate_limiter, a_call_with_less_than_no_time_is_refused)
{
    for (auto const algorithm : both_algorithms) {
        limiter limit({.permits = 10, .algorithm = algorithm});
        EXPECT_EQ(ask(limit, at(5s), 1, -1ns), refused(at(5s)));
        EXPECT_EQ(ask(limit, at(5s), 1, duration::min()), refused(at(5s)));
        EXPECT_EQ(limit.snapshot(at(5s)).available, 10);
    }
}

TEST(rate_limiter, a_heavy_call_takes_its_weight_and_gives_its_weight_back)
{
    for (auto const algorithm : both_algorithms) {
        limiter limit({.permits = 10, .burst = 10, .algorithm = algorithm});
        EXPECT_EQ(ask(limit, at(0s), 7, 0ns), granted(at(0s), 7));
        EXPECT_EQ(limit.snapshot(at(0s)).available, 3);
        auto const heavy = limit.admit(at(0s), 5, 1s);
        EXPECT_EQ(plain(heavy), reserved(at(200ms), 5));
        EXPECT_EQ(limit.snapshot(at(0s)).available, -2);
        limit.withdraw(heavy.pass, at(0s));
        EXPECT_EQ(limit.snapshot(at(0s)).available, 3);
    }
}

TEST(rate_limiter, a_call_heavier_than_the_burst_is_never_let_in_and_told_no_time)
{
    for (auto const algorithm : both_algorithms) {
        limiter limit({.permits = 10, .per = 24h, .burst = 5, .algorithm = algorithm});
        for (auto const weight : {6U, 213'504U, std::numeric_limits<std::uint32_t>::max()})
            EXPECT_EQ(ask(limit, at(0s), weight, duration::max()), refused(std::nullopt)) << weight;
        EXPECT_EQ(limit.snapshot(at(0s)).available, 5);
    }
}

TEST(rate_limiter, a_bucket_can_start_with_fewer_tokens)
{
    limiter limit({.permits = 10, .burst = 5, .initial = 1});
    EXPECT_EQ(ask(limit, at(0s), 1, 0ns), granted(at(0s)));
    EXPECT_EQ(ask(limit, at(0s), 1, 0ns), refused(at(100ms)));
    EXPECT_EQ(limiter({.permits = 10, .burst = 5, .initial = 99}).snapshot(at(0s)).available, 5);
}

TEST(rate_limiter, the_tokens_of_the_start_are_those_at_the_time_it_was_started)
{
    limiter limit({.permits = 10, .burst = 5, .initial = 1});
    limit.start(at(24h));
    EXPECT_EQ(limit.snapshot(at(24h)).available, 1);
    EXPECT_EQ(ask(limit, at(24h), 2, 0ns), refused(at(24h + 100ms)));

    limiter cells({.permits = 10, .burst = 5, .algorithm = rate_algorithm::gcra});
    cells.start(at(24h));
    EXPECT_EQ(cells.snapshot(at(24h)).available, 5);
}

TEST(rate_limiter, a_rate_that_does_not_divide_its_period_is_exact_in_the_bucket_and_rounded_in_gcra)
{
    limiter bucket({.permits = 3, .per = 1s, .burst = 1});
    limiter cells({.permits = 3, .per = 1s, .burst = 1, .algorithm = rate_algorithm::gcra});
    for (auto const algorithm : both_algorithms) {
        auto& limit = algorithm == rate_algorithm::gcra ? cells : bucket;
        EXPECT_EQ(ask(limit, at(0s), 1, 0ns), granted(at(0s)));
        EXPECT_EQ(ask(limit, at(0s), 1, 1s), reserved(at(333'333'334ns)));
    }
    EXPECT_EQ(ask(bucket, at(0s), 1, 1s), reserved(at(666'666'667ns)));
    EXPECT_EQ(ask(cells, at(0s), 1, 1s), reserved(at(666'666'668ns)));
    EXPECT_EQ(ask(bucket, at(0s), 1, 1s), reserved(at(1s)));
}

TEST(rate_limiter, works_up_to_the_end_of_time)
{
    for (auto const algorithm : both_algorithms) {
        limiter limit({.permits = 1, .per = 24h, .burst = 2, .algorithm = algorithm});
        EXPECT_EQ(ask(limit, at(0s), 2, 0ns), granted(at(0s), 2));
        EXPECT_EQ(ask(limit, time_point::max(), 2, 0ns), granted(time_point::max(), 2));
    }
}

TEST(rate_limiter, the_highest_rates_and_the_longest_periods_work)
{
    for (auto const algorithm : both_algorithms) {
        constexpr auto most = std::numeric_limits<std::uint32_t>::max();
        limiter fast({.permits = most, .per = duration(most), .burst = 1, .algorithm = algorithm});
        EXPECT_EQ(ask(fast, at(0s), 1, 0ns), granted(at(0s)));
        EXPECT_EQ(ask(fast, at(0s), 1, 0ns), refused(at(1ns)));
        limiter slow({.permits = 1, .per = 24h, .burst = 53'240, .algorithm = algorithm});
        EXPECT_EQ(ask(slow, at(0s), 53'240, 0ns), granted(at(0s), 53'240));
        EXPECT_EQ(ask(slow, at(0s), 1, 0ns), refused(at(24h)));
    }
}

// Laws

struct arrival
{
    std::int64_t at;
    std::int64_t weight;
};

/// Random calls, of which some wait and some of those give up, in any order; those that started, in the order
/// of their start.
std::vector<arrival> starts(limiter& limit, tests::dice& dice, int calls)
{
    std::vector<grant> waiting;
    std::vector<arrival> admitted;
    auto const start = [&](grant const& g) {
        admitted.push_back({g.at.time_since_epoch().count(), g.weight});
    };
    auto now = 0ns;
    for (int i = 0; i < calls; ++i) {
        now += dice.one_in(40) ? dice.between(0ns, 5000ns) : dice.between(0ns, 120ns);
        std::erase_if(waiting, [&](grant const& g) {
            if (g.at > at(now)) return false;
            start(g);
            return true;
        });
        if (!waiting.empty() && dice.one_in(4)) {
            auto const leaves = waiting.begin() + dice.between(0, static_cast<int>(waiting.size()) - 1);
            limit.withdraw(*leaves, at(now));
            waiting.erase(leaves);
        }
        auto const answer = limit.admit(at(now), dice.between(1U, 4U), dice.one_in(2) ? 0ns : 1000ns);
        if (answer.what == admission::kind::granted) start(answer.pass);
        if (answer.what == admission::kind::wait_until) waiting.push_back(answer.pass);
    }
    std::sort(admitted.begin(), admitted.end(), [](auto& a, auto& b) { return a.at < b.at; });
    return admitted;
}

TEST(rate_limiter, over_every_interval_no_more_start_than_burst_and_rate_allow)
{
    for (auto const algorithm : both_algorithms) {
        limiter limit({.permits = 8, .per = 1000ns, .burst = 12, .algorithm = algorithm});
        tests::dice dice(19);
        auto const admitted = starts(limit, dice, 2000);
        ASSERT_GT(admitted.size(), 300U);
        for (std::size_t first = 0; first < admitted.size(); ++first) {
            std::int64_t weight = 0;
            for (auto last = first; last < admitted.size(); ++last) {
                weight += admitted[last].weight;
                ASSERT_LE(weight * 1000, 12 * 1000 + 8 * (admitted[last].at - admitted[first].at));
            }
        }
    }
}

TEST(rate_limiter, both_algorithms_let_in_the_same_calls_when_the_rate_divides_the_period)
{
    limiter bucket({.permits = 8, .per = 1000ns, .burst = 12});
    limiter cells({.permits = 8, .per = 1000ns, .burst = 12, .algorithm = rate_algorithm::gcra});
    tests::dice dice(20);
    auto now = 0ns;
    for (int i = 0; i < 100'000; ++i) {
        now += dice.one_in(40) ? dice.between(0ns, 5000ns) : dice.between(0ns, 200ns);
        auto const weight = dice.between(0U, 13U);
        auto const wait = dice.one_in(2) ? 0ns : dice.between(0ns, 1000ns);
        auto const answer = bucket.admit(at(now), weight, wait);
        ASSERT_EQ(cells.admit(at(now), weight, wait), answer) << "call " << i;
        if (answer.what == admission::kind::wait_until && dice.one_in(2)) {
            bucket.withdraw(answer.pass, at(now));
            cells.withdraw(answer.pass, at(now));
        }
        ASSERT_EQ(cells.snapshot(at(now)).available, bucket.snapshot(at(now)).available) << "call " << i;
    }
}

TEST(rate_limiter, whoever_comes_back_when_told_is_let_in)
{
    for (auto const algorithm : both_algorithms) {
        limiter limit({.permits = 7, .per = 1000ns, .burst = 5, .algorithm = algorithm});
        tests::dice dice(21);
        auto now = at(0s);
        for (int i = 0; i < 20'000; ++i) {
            now += dice.between(0ns, 200ns);
            auto const weight = dice.between(1U, 5U);
            auto const answer = limit.admit(now, weight, 0ns);
            if (answer.what == admission::kind::granted) continue;
            ASSERT_TRUE(answer.at);
            ASSERT_EQ(limit.admit(*answer.at - 1ns, weight, 0ns).what, admission::kind::refused);
            ASSERT_EQ(ask(limit, *answer.at, weight, 0ns), granted(*answer.at, weight));
            now = *answer.at;
        }
    }
}

TEST(rate_limiter, admits_at_once_exactly_those_that_it_admits_without_a_wait)
{
    for (auto const algorithm : both_algorithms) {
        limiter limit({.permits = 8, .per = 1000ns, .burst = 12, .algorithm = algorithm});
        tests::dice dice(22);
        auto now = 1000ns;
        for (int i = 0; i < 20'000; ++i) {
            now += dice.between(-100ns, 250ns);
            auto twin = limit;
            auto const weight = dice.between(0U, 13U);
            auto const pass = limit.admit_at_once(at(now), weight);
            auto const answer = twin.admit(at(now), weight, 0ns);
            ASSERT_EQ(pass.has_value(), answer.what == admission::kind::granted) << "call " << i;
            if (pass) {
                ASSERT_EQ(*pass, answer.pass) << "call " << i;
            }
            ASSERT_EQ(limit.snapshot(at(now)).available, twin.snapshot(at(now)).available) << "call " << i;
            if (dice.one_in(5)) limit.admit(at(now), 1, 500ns);
        }
    }
}

// Options

TEST(rate_limiter, the_default_options_are_in_range)
{
    EXPECT_EQ(validate(rate_limiter_options{}).list(), faults{});
}

TEST(rate_limiter, every_option_out_of_range_is_reported_at_once)
{
    rate_limiter_options const wrong{.permits = 0,
                                     .per = -1s,
                                     .burst = 0,
                                     .max_wait = -1ms,
                                     .algorithm = rate_algorithm::gcra,
                                     .initial = 5};
    EXPECT_EQ(validate(wrong).list(),
              (faults{{"permits", "0", "at least 1"},
                      {"per", "-1s", "above 0 up to 24h"},
                      {"permits", "0", "at most one per nanosecond of per"},
                      {"burst", "0", "at least 1, or nullopt"},
                      {"max_wait", "-1ms", "0 or more"},
                      {"initial", "5", "nullopt, unless the algorithm is token_bucket"}}));
}

TEST(rate_limiter, without_a_burst_only_the_permits_are_to_blame)
{
    EXPECT_EQ(validate(rate_limiter_options{.permits = 0}).list(), (faults{{"permits", "0", "at least 1"}}));
    EXPECT_EQ(validate(rate_limiter_options{.permits = 0, .burst = 5}).list(),
              (faults{{"permits", "0", "at least 1"}}));
}

TEST(rate_limiter, the_period_is_above_zero_and_at_most_a_day)
{
    EXPECT_EQ(validate(rate_limiter_options{.permits = 1, .per = 24h + 1ns}).list(),
              (faults{{"per", "1440min", "above 0 up to 24h"}}));
    EXPECT_EQ(
        validate(rate_limiter_options{.permits = 1, .per = duration::max(), .burst = 1}).list().at(0).field,
        "per");
    EXPECT_EQ(validate(rate_limiter_options{.permits = 1, .per = duration::min()}).list().at(0).field, "per");
    EXPECT_EQ(
        validate(rate_limiter_options{.permits = 1, .per = 0ns}).list(),
        (faults{{"per", "0ns", "above 0 up to 24h"}, {"permits", "1", "at most one per nanosecond of per"}}));
    EXPECT_TRUE(validate(rate_limiter_options{.permits = 1, .per = 24h}).empty());
    EXPECT_TRUE(validate(rate_limiter_options{.permits = 1, .per = 1ns}).empty());
}

TEST(rate_limiter, there_is_at_most_one_permit_per_nanosecond)
{
    EXPECT_EQ(validate(rate_limiter_options{.permits = 101, .per = 100ns}).list(),
              (faults{{"permits", "101", "at most one per nanosecond of per"}}));
    EXPECT_TRUE(validate(rate_limiter_options{.permits = 100, .per = 100ns}).empty());
}

TEST(rate_limiter, a_burst_so_large_that_the_arithmetic_would_overflow_is_out_of_range)
{
    EXPECT_EQ(validate(rate_limiter_options{.permits = 1, .per = 24h, .burst = 53'241}).list(),
              (faults{{"burst", "53241", "at most what arrives in 145 years"}}));
    EXPECT_TRUE(validate(rate_limiter_options{.permits = 1, .per = 24h, .burst = 53'240}).empty());
    EXPECT_TRUE(validate(rate_limiter_options{.permits = 1'000'000'000, .per = 24h}).empty())
        << "a quota per day";
    EXPECT_TRUE(validate(rate_limiter_options{.permits = 2, .per = 24h, .burst = 106'481}).empty());
    EXPECT_EQ(validate(rate_limiter_options{.permits = 2, .per = 24h, .burst = 106'482}).list().size(), 1U);
    EXPECT_TRUE(validate(rate_limiter_options{.permits = 1, .per = 2s, .burst = 2'300'000'000}).empty())
        << "exactly the longest";
}

TEST(rate_limiter, a_wait_is_not_negative)
{
    EXPECT_EQ(validate(rate_limiter_options{.max_wait = -1ns}).list(),
              (faults{{"max_wait", "-1ns", "0 or more"}}));
    EXPECT_TRUE(validate(rate_limiter_options{.max_wait = duration::max()}).empty());
}

TEST(rate_limiter, options_out_of_range_make_no_limiter)
{
    try {
        limiter limit({.permits = 0, .max_wait = -1s});
        FAIL() << "two options are out of range";
    } catch (invalid_options const& e) {
        EXPECT_STREQ(
            e.what(),
            "rate_limiter: permits is 0, allowed is at least 1; max_wait is -1s, allowed is 0 or more");
    }
}

} // namespace
