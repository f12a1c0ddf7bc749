#include <keel/policy/retry_budget.hpp>

#include "support/dice.hpp"
#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using faults = std::vector<option_fault>;
using policy::retry_cause;
using budget = policy::retry_budget;

constexpr time_point at(duration since_start) { return time_point(since_start); }

constexpr auto start = at(0s);

template <class Kind>
retry_budget_options of(Kind kind)
{
    retry_budget_options o;
    o.kind = kind;
    return o;
}

bool try_retry(budget& b, time_point now = start) { return b.try_retry(retry_cause::error, now); }

/// How many retries are granted until the first that is not.
std::size_t drain(budget& b, time_point now = start)
{
    std::size_t granted = 0;
    while (granted < 10'000 && try_retry(b, now)) ++granted;
    return granted;
}

std::vector<std::size_t> shown(budget const& b, time_point now)
{
    auto const s = b.snapshot(now);
    return {s.available, s.tokens_milli, s.active_calls, s.active_retries};
}

// Success bucket

TEST(retry_budget, a_success_bucket_starts_full_pays_out_and_is_filled_by_successes)
{
    budget b(of(success_bucket{3, 0.4}));
    EXPECT_EQ(b.snapshot(start).available, 3U);
    EXPECT_EQ(drain(b), 3U);
    EXPECT_FALSE(b.has_retry(retry_cause::error, start));
    b.succeeded(0);
    b.succeeded(0);
    EXPECT_EQ(b.snapshot(start).tokens_milli, 800U);
    EXPECT_FALSE(try_retry(b)) << "only whole tokens are paid out";
    b.succeeded(0);
    EXPECT_TRUE(try_retry(b));
    EXPECT_EQ(b.snapshot(start).tokens_milli, 200U);
    for (int i = 0; i < 100; ++i) b.succeeded(0);
    EXPECT_EQ(b.snapshot(start).tokens_milli, 3000U) << "never more than full";
}

TEST(retry_budget, the_default_is_a_success_bucket_of_a_hundred)
{
    budget b(retry_budget_options{});
    EXPECT_EQ(drain(b), 100U);
    for (int i = 0; i < 5; ++i) b.succeeded(0);
    EXPECT_EQ(drain(b), 1U);
}

TEST(retry_budget, when_nothing_ever_succeeds_retries_come_to_an_end)
{
    budget b(of(success_bucket{7, 1.0}));
    std::size_t retries = 0;
    for (int i = 0; i < 1000; ++i) {
        b.call_started(at(i * 1s));
        b.failed();
        if (try_retry(b, at(i * 1s))) {
            ++retries;
            b.failed();
            b.retry_ended();
        }
        b.call_ended();
    }
    EXPECT_EQ(retries, 7U);
}

TEST(retry_budget, on_every_prefix_retries_are_paid_for_by_the_start_and_by_successes)
{
    tests::dice dice(24);
    for (std::size_t const deposit_milli : {0U, 1U, 200U, 333U, 1000U}) {
        constexpr std::size_t size = 10;
        budget b(of(success_bucket{size, static_cast<double>(deposit_milli) / 1000}));
        std::size_t successes = 0;
        std::size_t retries = 0;
        for (int i = 0; i < 20'000; ++i) {
            if (dice.one_in(2)) {
                b.succeeded(0);
                ++successes;
            } else {
                b.failed();
                retries += try_retry(b) ? 1U : 0U;
            }
            ASSERT_LE(retries * 1000, size * 1000 + deposit_milli * successes) << "step " << i;
            ASSERT_LE(b.snapshot(start).tokens_milli, size * 1000);
        }
        ASSERT_GE(retries, size);
    }
}

// Failure threshold

TEST(retry_budget, a_failure_threshold_stops_at_half_and_recovers_by_successes)
{
    budget b(of(failure_threshold{4, 0.5}));
    EXPECT_EQ(b.snapshot(start).available, 2U);
    b.failed();
    EXPECT_TRUE(try_retry(b));
    EXPECT_TRUE(try_retry(b)) << "asking costs nothing, failing does";
    b.failed();
    EXPECT_FALSE(try_retry(b)) << "half is not more than half";
    b.succeeded(0);
    EXPECT_TRUE(try_retry(b));
    EXPECT_EQ(b.snapshot(start).tokens_milli, 2500U);
    EXPECT_EQ(b.snapshot(start).available, 1U);
    for (int i = 0; i < 100; ++i) b.failed();
    EXPECT_EQ(b.snapshot(start).tokens_milli, 0U) << "never below zero";
    for (int i = 0; i < 100; ++i) b.succeeded(0);
    EXPECT_EQ(b.snapshot(start).tokens_milli, 4000U) << "never above the maximum";
}

TEST(retry_budget, half_of_an_odd_threshold_is_not_rounded)
{
    budget b(of(failure_threshold{5, 0.5}));
    b.failed();
    b.failed();
    EXPECT_TRUE(try_retry(b)) << "3 is more than 2.5";
    b.failed();
    EXPECT_FALSE(try_retry(b));
    b.succeeded(0);
    EXPECT_FALSE(try_retry(b)) << "2.5 is not";
    b.succeeded(0);
    EXPECT_TRUE(try_retry(b));
}

TEST(retry_budget, a_threshold_follows_its_formula)
{
    tests::dice dice(25);
    constexpr std::int64_t most = 20'000;
    budget b(of(failure_threshold{20, 0.3}));
    auto tokens = most;
    for (int i = 0; i < 20'000; ++i) {
        if (dice.one_in(4)) {
            b.failed();
            tokens = std::max<std::int64_t>(0, tokens - 1000);
        } else {
            b.succeeded(0);
            tokens = std::min(most, tokens + 300);
        }
        ASSERT_EQ(static_cast<std::int64_t>(b.snapshot(start).tokens_milli), tokens);
        ASSERT_EQ(try_retry(b), tokens > most / 2);
    }
}

// Ratio window

TEST(retry_budget, a_ratio_window_is_funded_by_requests_and_a_reserve)
{
    budget b(of(ratio_window{10s, 1, 0.1}));
    EXPECT_EQ(drain(b), 10U) << "one per second for ten seconds";
    for (int i = 0; i < 9; ++i) b.call_started(start);
    EXPECT_FALSE(try_retry(b));
    b.call_started(start);
    EXPECT_TRUE(try_retry(b));
    EXPECT_FALSE(try_retry(b));
    EXPECT_EQ(b.snapshot(at(9'999ms)).available, 0U);
    EXPECT_EQ(b.snapshot(at(10s)).available, 10U) << "what was spent is forgotten, as is what funded it";
    b.succeeded(0);
    b.failed();
    EXPECT_EQ(b.snapshot(at(10s)).available, 10U) << "outcomes play no part";
}

TEST(retry_budget, requests_expire_slice_by_slice)
{
    budget b(of(ratio_window{10s, 0, 1.0}));
    for (int second = 0; second < 10; ++second) b.call_started(at(second * 1s));
    EXPECT_EQ(b.snapshot(at(9s)).available, 10U);
    EXPECT_EQ(b.snapshot(at(10s)).available, 9U);
    EXPECT_EQ(b.snapshot(at(18'999ms)).available, 1U);
    EXPECT_EQ(b.snapshot(at(19s)).available, 0U);
    b.call_started(at(100s));
    EXPECT_EQ(b.snapshot(at(100s)).available, 1U) << "a long silence leaves nothing behind";
}

TEST(retry_budget, a_window_that_owes_lets_nobody_retry)
{
    budget b(of(ratio_window{10s, 0, 1.0}));
    b.call_started(at(0s));
    EXPECT_TRUE(try_retry(b, at(9s)));
    EXPECT_EQ(b.snapshot(at(10s)).available, 0U) << "the request has expired, the retry has not";
    b.call_started(at(10s));
    EXPECT_FALSE(try_retry(b, at(10s)));
    b.call_started(at(10s));
    EXPECT_TRUE(try_retry(b, at(10s)));
}

TEST(retry_budget, an_earlier_time_counts_as_the_latest)
{
    budget b(of(ratio_window{10s, 0, 1.0}));
    b.call_started(at(50s));
    b.call_started(at(5s));
    EXPECT_EQ(b.snapshot(at(50s)).available, 2U);
    EXPECT_EQ(b.snapshot(at(0s)).available, 2U);
    b.call_started(time_point::min());
    EXPECT_EQ(b.snapshot(time_point::min()).available, 3U);
}

TEST(retry_budget, a_ratio_window_works_up_to_the_end_of_time)
{
    for (auto const ttl : {duration(1ms), duration(1h)}) {
        budget b(of(ratio_window{ttl, 0, 1.0}));
        b.call_started(at(0s));
        b.call_started(time_point::max());
        EXPECT_EQ(b.snapshot(time_point::max()).available, 1U);
        EXPECT_TRUE(try_retry(b, time_point::max()));
        EXPECT_FALSE(try_retry(b, time_point::max()));
    }
}

TEST(retry_budget, the_largest_reserve_does_not_overflow)
{
    budget b(of(ratio_window{1h, 1'000'000, 10.0}));
    EXPECT_EQ(b.snapshot(start).available, 3'600'000'000U);
}

/// Every request and retry of all time, counted again at each question.
class naive_window
{
public:
    naive_window(duration ttl, std::size_t reserve, std::size_t percent)
        : slice_(ttl / 10),
          reserve_(reserve),
          percent_(percent)
    {}

    void request(duration now) { requests_.push_back(now); }
    void retry(duration now) { retries_.push_back(now); }

    std::size_t balance(duration now) const
    {
        auto const income = recent(requests_, now) * percent_ + reserve_ * 100;
        auto const spent = recent(retries_, now) * 100;
        return income > spent ? (income - spent) / 100 : 0;
    }

private:
    std::size_t recent(std::vector<duration> const& all, duration now) const
    {
        auto const oldest = (now / slice_ - 9) * slice_;
        return static_cast<std::size_t>(
            std::count_if(all.begin(), all.end(), [&](auto t) { return t >= oldest; }));
    }

    duration slice_;
    std::size_t reserve_;
    std::size_t percent_;
    std::vector<duration> requests_;
    std::vector<duration> retries_;
};

TEST(retry_budget, a_ratio_window_equals_a_list_of_all_requests)
{
    tests::dice dice(26);
    for (std::size_t const percent : {0U, 10U, 25U, 29U, 100U, 1000U}) {
        budget b(of(ratio_window{1s, 2, static_cast<double>(percent) / 100}));
        naive_window naive(1s, 2, percent);
        auto now = duration(0);
        for (int i = 0; i < 2000; ++i) {
            now += dice.one_in(50) ? dice.between(0ns, 3s) : dice.between(0ns, 60ms);
            if (dice.one_in(2)) {
                b.call_started(at(now));
                naive.request(now);
            } else {
                auto const expected = naive.balance(now) >= 1;
                ASSERT_EQ(try_retry(b, at(now)), expected) << percent << " %, step " << i;
                if (expected) naive.retry(now);
            }
            ASSERT_EQ(b.snapshot(at(now)).available, naive.balance(now)) << percent << " %, step " << i;
        }
    }
}

// Concurrency share

TEST(retry_budget, a_concurrency_share_counts_what_is_in_flight)
{
    budget b(of(concurrency_share{0.2, 1}));
    EXPECT_EQ(drain(b), 1U) << "the minimum";
    for (int i = 0; i < 10; ++i) b.call_started(start);
    EXPECT_EQ(b.snapshot(start).active_calls, 10U);
    EXPECT_TRUE(try_retry(b));
    EXPECT_FALSE(try_retry(b)) << "two of ten";
    EXPECT_EQ(b.snapshot(start).active_retries, 2U);
    b.retry_ended();
    EXPECT_EQ(b.snapshot(start).available, 1U);
    b.call_ended();
    EXPECT_FALSE(try_retry(b)) << "a fifth of nine is one";
    b.retry_ended();
    EXPECT_TRUE(try_retry(b));
}

TEST(retry_budget, more_endings_than_beginnings_do_no_harm)
{
    budget b(of(concurrency_share{1.0, 0}));
    b.call_ended();
    b.retry_ended();
    EXPECT_FALSE(try_retry(b));
    b.call_started(start);
    EXPECT_TRUE(try_retry(b));
    EXPECT_FALSE(try_retry(b));
}

TEST(retry_budget, at_no_moment_more_than_the_share_is_let_in)
{
    tests::dice dice(27);
    for (std::size_t const percent : {0U, 20U, 29U, 57U, 100U}) {
        budget b(of(concurrency_share{static_cast<double>(percent) / 100, 2}));
        std::size_t calls = 0;
        std::size_t retries = 0;
        for (int i = 0; i < 10'000; ++i) {
            auto const most = std::max<std::size_t>(percent * calls / 100, 2);
            switch (dice.below(5)) {
            case 0: b.call_ended(), calls -= calls > 0 ? 1U : 0U; break;
            case 1: b.retry_ended(), retries -= retries > 0 ? 1U : 0U; break;
            case 2:
                ASSERT_EQ(try_retry(b), retries < most) << percent << " %, step " << i;
                retries += retries < most ? 1U : 0U;
                break;
            default: b.call_started(start), ++calls; break;
            }
            ASSERT_EQ(b.snapshot(start).active_calls, calls);
            ASSERT_EQ(b.snapshot(start).active_retries, retries);
        }
    }
}

// Retry cost

TEST(retry_budget, a_retry_after_a_timeout_costs_more_and_a_success_gives_it_back)
{
    budget b(of(retry_cost{20, 5, 10}));
    EXPECT_EQ(b.cost(retry_cause::error), 5U);
    EXPECT_EQ(b.cost(retry_cause::timeout), 10U);
    EXPECT_EQ(b.snapshot(start).available, 4U);
    EXPECT_TRUE(b.try_retry(retry_cause::timeout, start));
    EXPECT_TRUE(b.try_retry(retry_cause::error, start));
    EXPECT_EQ(b.snapshot(start).tokens_milli, 5000U);
    EXPECT_FALSE(b.has_retry(retry_cause::timeout, start));
    EXPECT_FALSE(b.try_retry(retry_cause::timeout, start));
    EXPECT_TRUE(b.try_retry(retry_cause::error, start));
    EXPECT_FALSE(b.try_retry(retry_cause::error, start));
    b.succeeded(0);
    EXPECT_EQ(b.snapshot(start).tokens_milli, 1000U) << "a first try gives one back";
    b.succeeded(b.cost(retry_cause::timeout));
    EXPECT_EQ(b.snapshot(start).tokens_milli, 11'000U);
    b.succeeded(10);
    EXPECT_EQ(b.snapshot(start).tokens_milli, 20'000U) << "never above the capacity";
}

TEST(retry_budget, retries_that_cost_nothing_are_always_granted)
{
    budget b(of(retry_cost{1, 0, 1}));
    EXPECT_TRUE(b.try_retry(retry_cause::timeout, start));
    EXPECT_FALSE(b.try_retry(retry_cause::timeout, start));
    EXPECT_EQ(drain(b), 10'000U);
}

TEST(retry_budget, kinds_without_a_price_charge_nothing)
{
    EXPECT_EQ(budget(of(success_bucket{})).cost(retry_cause::timeout), 0U);
    EXPECT_EQ(budget(of(concurrency_share{})).cost(retry_cause::error), 0U);
}

// Laws of every kind

std::vector<retry_budget_options> one_of_each_kind()
{
    return {of(success_bucket{5, 0.2}), of(failure_threshold{6, 0.3}), of(ratio_window{1s, 1, 0.2}),
            of(concurrency_share{0.5, 1}), of(retry_cost{20, 3, 7})};
}

TEST(retry_budget, asking_whether_there_is_a_retry_foretells_the_answer_and_changes_nothing)
{
    for (auto const& options : one_of_each_kind()) {
        tests::dice dice(28);
        budget b(options);
        auto now = start;
        for (int i = 0; i < 5000; ++i) {
            now += dice.between(0ns, 50ms);
            auto const cause = dice.one_in(3) ? retry_cause::timeout : retry_cause::error;
            switch (dice.below(7)) {
            case 0: b.call_started(now); break;
            case 1: b.call_ended(); break;
            case 2: b.succeeded(0); break;
            case 3: b.failed(); break;
            case 4: b.retry_ended(); break;
            default: {
                auto const before = shown(b, now);
                auto const foretold = b.has_retry(cause, now);
                ASSERT_EQ(shown(b, now), before);
                ASSERT_EQ(b.try_retry(cause, now), foretold);
                if (!foretold) {
                    ASSERT_EQ(shown(b, now), before) << "a refused retry changes nothing";
                }
            }
            }
            ASSERT_EQ(b.snapshot(now).available >= 1, b.has_retry(retry_cause::error, now))
                << "kind " << options.kind.index() << ", step " << i;
        }
    }
}

TEST(retry_budget, shows_only_what_its_kind_holds)
{
    for (auto const& options : one_of_each_kind()) {
        budget b(options);
        b.call_started(start);
        try_retry(b);
        auto const seen = b.snapshot(start);
        auto const has_tokens =
            options.kind.index() == 0 || options.kind.index() == 1 || options.kind.index() == 4;
        auto const has_flights = options.kind.index() == 3;
        EXPECT_EQ(seen.tokens_milli > 0, has_tokens) << options.kind.index();
        EXPECT_EQ(seen.active_calls + seen.active_retries > 0, has_flights) << options.kind.index();
    }
}

TEST(retry_budget, a_success_bucket_shows_whole_tokens)
{
    budget almost(of(success_bucket{1, 0.999}));
    ASSERT_TRUE(try_retry(almost));
    almost.succeeded(0);
    EXPECT_EQ(almost.snapshot(start).tokens_milli, 999U);
    EXPECT_EQ(almost.snapshot(start).available, 0U);

    budget whole(of(success_bucket{1, 1.0}));
    ASSERT_TRUE(try_retry(whole));
    whole.succeeded(0);
    EXPECT_EQ(whole.snapshot(start).available, 1U);
}

TEST(retry_budget, a_threshold_shows_a_retry_as_soon_as_it_is_passed)
{
    budget b(of(failure_threshold{2, 0.001}));
    b.failed();
    EXPECT_EQ(b.snapshot(start).available, 0U);
    b.succeeded(0);
    EXPECT_EQ(b.snapshot(start).tokens_milli, 1001U);
    EXPECT_EQ(b.snapshot(start).available, 1U);
}

TEST(retry_budget, shows_how_many_retries_its_tokens_pay_for)
{
    EXPECT_EQ(budget(of(retry_cost{5, 1, 2})).snapshot(start).available, 5U);
    EXPECT_EQ(budget(of(retry_cost{5, 2, 1})).snapshot(start).available, 2U);
    EXPECT_EQ(budget(of(retry_cost{5, 0, 0})).snapshot(start).available, 5U) << "for nothing";
}

// Options

// What spares its users a call

TEST(retry_budget, only_the_window_and_the_share_count_calls)
{
    EXPECT_FALSE(budget(of(success_bucket{})).counts_calls());
    EXPECT_FALSE(budget(of(failure_threshold{})).counts_calls());
    EXPECT_TRUE(budget(of(ratio_window{})).counts_calls());
    EXPECT_TRUE(budget(of(concurrency_share{})).counts_calls());
    EXPECT_FALSE(budget(of(retry_cost{})).counts_calls());
}

TEST(retry_budget, a_success_changes_nothing_while_the_tokens_are_all_there)
{
    budget bucket(of(success_bucket{3, 0.5}));
    EXPECT_TRUE(bucket.is_full());
    EXPECT_TRUE(try_retry(bucket));
    EXPECT_FALSE(bucket.is_full());
    bucket.succeeded(0);
    EXPECT_FALSE(bucket.is_full());
    bucket.succeeded(0);
    EXPECT_TRUE(bucket.is_full());

    budget threshold(of(failure_threshold{3, 1}));
    EXPECT_TRUE(threshold.is_full());
    threshold.failed();
    EXPECT_FALSE(threshold.is_full());
    threshold.succeeded(0);
    EXPECT_TRUE(threshold.is_full());

    budget priced(of(retry_cost{10, 5, 5}));
    EXPECT_TRUE(priced.is_full());
    EXPECT_TRUE(try_retry(priced));
    EXPECT_FALSE(priced.is_full());
    priced.succeeded(5);
    EXPECT_TRUE(priced.is_full());
}

TEST(retry_budget, is_spent_when_it_refuses_what_a_new_one_would_grant)
{
    budget bucket(of(success_bucket{2, 0.5}));
    EXPECT_FALSE(bucket.is_spent(start));
    EXPECT_EQ(drain(bucket), 2U);
    EXPECT_TRUE(bucket.is_spent(start));

    budget priced(of(retry_cost{10, 1, 6}));
    EXPECT_TRUE(priced.try_retry(retry_cause::timeout, start));
    EXPECT_TRUE(priced.is_spent(start)) << "the dearest retry is asked about";
    EXPECT_TRUE(try_retry(priced));

    budget never(of(concurrency_share{0.5, 0}));
    EXPECT_FALSE(try_retry(never));
    EXPECT_FALSE(never.is_spent(start)) << "a new one would refuse, too";
}

TEST(retry_budget, a_success_never_changes_a_window_or_a_share)
{
    for (auto const& options : {of(ratio_window{}), of(concurrency_share{})}) {
        budget b(options);
        EXPECT_TRUE(b.is_full());
        EXPECT_TRUE(try_retry(b));
        EXPECT_TRUE(b.is_full());
    }
}

TEST(retry_budget, the_default_options_of_every_kind_are_in_range)
{
    EXPECT_EQ(validate(of(success_bucket{})).list(), faults{});
    EXPECT_EQ(validate(of(failure_threshold{})).list(), faults{});
    EXPECT_EQ(validate(of(ratio_window{})).list(), faults{});
    EXPECT_EQ(validate(of(concurrency_share{})).list(), faults{});
    EXPECT_EQ(validate(of(retry_cost{})).list(), faults{});
}

TEST(retry_budget, every_option_of_a_bucket_out_of_range_is_reported_at_once)
{
    EXPECT_EQ(validate(of(success_bucket{0, 1.5})).list(),
              (faults{{"kind.size", "0", "1 to 1000000"}, {"kind.deposit", "1.5", "0 to 1"}}));
    EXPECT_EQ(validate(of(success_bucket{1'000'001, -0.5})).list(),
              (faults{{"kind.size", "1000001", "1 to 1000000"}, {"kind.deposit", "-0.5", "0 to 1"}}));
    EXPECT_EQ(validate(of(failure_threshold{0, 2.0})).list(),
              (faults{{"kind.max_tokens", "0", "1 to 1000000"}, {"kind.ratio", "2", "0 to 1"}}));
    EXPECT_EQ(validate(of(failure_threshold{1'000'001, std::nan("")})).list(),
              (faults{{"kind.max_tokens", "1000001", "1 to 1000000"}, {"kind.ratio", "nan", "0 to 1"}}));
    EXPECT_EQ(validate(of(failure_threshold{1, -0.5})).list(), (faults{{"kind.ratio", "-0.5", "0 to 1"}}));
    EXPECT_EQ(validate(of(retry_cost{0, 1, 2})).list(),
              (faults{{"kind.capacity", "0", "1 to 1000000"},
                      {"kind.retry", "1", "0 to capacity"},
                      {"kind.after_timeout", "2", "0 to capacity"}}));
    EXPECT_EQ(validate(of(retry_cost{1'000'001, 0, 0})).list(),
              (faults{{"kind.capacity", "1000001", "1 to 1000000"}}));
}

TEST(retry_budget, every_option_of_a_window_or_share_out_of_range_is_reported_at_once)
{
    EXPECT_EQ(validate(of(ratio_window{999us, 1'000'001, 10.5})).list(),
              (faults{{"kind.ttl", "999us", "1ms to 1h"},
                      {"kind.min_per_second", "1000001", "0 to 1000000"},
                      {"kind.ratio", "10.5", "0 to 10"}}));
    EXPECT_EQ(validate(of(ratio_window{duration::min(), 0, -0.1})).list().size(), 2U);
    EXPECT_EQ(validate(of(ratio_window{duration::max(), 0, 0})).list().size(), 1U);
    EXPECT_EQ(validate(of(ratio_window{1h + 1ns, 0, 0})).list().size(), 1U);
    EXPECT_EQ(validate(of(concurrency_share{1.5, 1'000'001})).list(),
              (faults{{"kind.ratio", "1.5", "0 to 1"}, {"kind.min_retries", "1000001", "0 to 1000000"}}));
    EXPECT_EQ(validate(of(concurrency_share{-1, 0})).list().size(), 1U);
}

TEST(retry_budget, both_ends_of_every_range_are_in_it)
{
    EXPECT_TRUE(validate(of(success_bucket{1, 0})).empty());
    EXPECT_TRUE(validate(of(success_bucket{1'000'000, 1})).empty());
    EXPECT_TRUE(validate(of(failure_threshold{1, 0})).empty());
    EXPECT_TRUE(validate(of(failure_threshold{1'000'000, 1})).empty());
    EXPECT_TRUE(validate(of(ratio_window{1ms, 0, 0})).empty());
    EXPECT_TRUE(validate(of(ratio_window{1h, 1'000'000, 10})).empty());
    EXPECT_TRUE(validate(of(concurrency_share{0, 0})).empty());
    EXPECT_TRUE(validate(of(concurrency_share{1, 1'000'000})).empty());
    EXPECT_TRUE(validate(of(retry_cost{1, 0, 0})).empty());
    EXPECT_TRUE(validate(of(retry_cost{1'000'000, 1'000'000, 1'000'000})).empty());
}

TEST(retry_budget, options_out_of_range_make_no_budget)
{
    try {
        budget b(of(success_bucket{0, 2}));
        FAIL() << "two options are out of range";
    } catch (invalid_options const& e) {
        EXPECT_STREQ(
            e.what(),
            "retry_budget: kind.size is 0, allowed is 1 to 1000000; kind.deposit is 2, allowed is 0 to 1");
    }
}

} // namespace
