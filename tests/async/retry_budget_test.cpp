#include <keel/async/retry_budget.hpp>

#include "support/two_threads.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <variant>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using cause = policy::retry_cause;

constexpr time_point t0{1000s};
moment at_t0(t0);

template <class Kind>
retry_budget budget_of(Kind kind)
{
    retry_budget_options o;
    o.kind = kind;
    return retry_budget(o);
}

TEST(retry_budget_handle, copies_are_the_same_budget)
{
    auto const budget = budget_of(success_bucket{.size = 1});
    auto const copy = budget;
    EXPECT_TRUE(copy.try_retry(cause::error, at_t0));
    EXPECT_FALSE(budget.try_retry(cause::error, at_t0));
    EXPECT_EQ(budget.snapshot(t0).available, 0u);
}

TEST(retry_budget_handle, two_of_them_are_two_budgets)
{
    auto const one = budget_of(success_bucket{.size = 1});
    auto const other = budget_of(success_bucket{.size = 1});
    EXPECT_TRUE(one.try_retry(cause::error, at_t0));
    EXPECT_TRUE(other.try_retry(cause::error, at_t0));
}

TEST(retry_budget_handle, asking_takes_nothing_and_looking_changes_nothing)
{
    auto const budget = budget_of(success_bucket{.size = 1});
    for (auto i = 0; i < 10; ++i) {
        EXPECT_TRUE(budget.has_retry(cause::error, at_t0));
        EXPECT_EQ(budget.snapshot(t0).available, 1u);
    }
    EXPECT_TRUE(budget.try_retry(cause::error, at_t0));
    EXPECT_FALSE(budget.has_retry(cause::error, at_t0));
}

TEST(retry_budget_handle, successes_fill_the_bucket)
{
    auto const budget = budget_of(success_bucket{.size = 1, .deposit = 0.5});
    EXPECT_TRUE(budget.try_retry(cause::error, at_t0));
    budget.succeeded(0);
    EXPECT_FALSE(budget.has_retry(cause::error, at_t0));
    budget.succeeded(0);
    EXPECT_TRUE(budget.has_retry(cause::error, at_t0));
}

TEST(retry_budget_handle, failures_lower_the_threshold_kind)
{
    auto const budget = budget_of(failure_threshold{.max_tokens = 4});
    EXPECT_TRUE(budget.has_retry(cause::error, at_t0));
    budget.failed();
    EXPECT_TRUE(budget.has_retry(cause::error, at_t0));
    budget.failed();
    EXPECT_FALSE(budget.has_retry(cause::error, at_t0));
}

TEST(retry_budget_handle, requests_fund_the_window_kind_for_its_ttl)
{
    auto const budget = budget_of(ratio_window{.ttl = 10s, .min_per_second = 0, .ratio = 0.5});
    EXPECT_FALSE(budget.has_retry(cause::error, at_t0));
    for (auto i = 0; i < 4; ++i) budget.call_started(at_t0);
    EXPECT_EQ(budget.snapshot(t0).available, 2u);
    EXPECT_TRUE(budget.try_retry(cause::error, at_t0));
    EXPECT_TRUE(budget.try_retry(cause::error, at_t0));
    EXPECT_FALSE(budget.try_retry(cause::error, at_t0));
    moment later(t0 + 1h);
    budget.call_started(later);
    budget.call_started(later);
    EXPECT_EQ(budget.snapshot(t0 + 1h).available, 1u);
}

TEST(retry_budget_handle, retries_in_flight_count_for_the_share_kind_until_they_end)
{
    auto const budget = budget_of(concurrency_share{.ratio = 0.5, .min_retries = 1});
    for (auto i = 0; i < 4; ++i) budget.call_started(at_t0);
    EXPECT_TRUE(budget.try_retry(cause::error, at_t0));
    EXPECT_TRUE(budget.try_retry(cause::error, at_t0));
    EXPECT_FALSE(budget.try_retry(cause::error, at_t0));
    budget.retry_ended();
    EXPECT_EQ(budget.snapshot(t0).active_retries, 1u);
    EXPECT_TRUE(budget.has_retry(cause::error, at_t0));
    for (auto i = 0; i < 4; ++i) budget.call_ended();
    EXPECT_EQ(budget.snapshot(t0).active_calls, 0u);
    EXPECT_FALSE(budget.has_retry(cause::error, at_t0)) << "the floor of one is taken";
}

TEST(retry_budget_handle, a_retry_after_a_timeout_costs_more_and_is_refunded_when_it_succeeds)
{
    auto const budget = budget_of(retry_cost{.capacity = 14, .retry = 5, .after_timeout = 10});
    EXPECT_EQ(budget.cost(cause::error), 5u);
    EXPECT_EQ(budget.cost(cause::timeout), 10u);
    EXPECT_TRUE(budget.try_retry(cause::timeout, at_t0));
    EXPECT_FALSE(budget.has_retry(cause::error, at_t0));
    budget.succeeded(budget.cost(cause::timeout));
    EXPECT_EQ(budget.snapshot(t0).tokens_milli, 14'000u);
}

TEST(retry_budget_handle, options_out_of_range_are_refused)
{
    EXPECT_THROW(budget_of(success_bucket{.size = 0}), invalid_options);
    EXPECT_THROW(budget_of(ratio_window{.ratio = 11.0}), invalid_options);
    EXPECT_THROW(budget_of(retry_cost{.capacity = 1, .retry = 2}), invalid_options);
}

// Several threads

TEST(retry_budget_handle, two_threads_get_exactly_what_is_in_the_bucket)
{
    auto const budget = budget_of(success_bucket{.size = 500, .deposit = 0.0});
    std::atomic<int> granted{0};
    on_two_threads([&](unsigned) {
        for (auto i = 0; i < 1000; ++i) {
            if (budget.try_retry(cause::error, at_t0)) ++granted;
            budget.succeeded(0);
        }
    });
    EXPECT_EQ(granted, 500);
}

TEST(retry_budget_handle, two_threads_leave_no_call_and_no_retry_behind)
{
    auto const budget = budget_of(concurrency_share{});
    on_two_threads([&](unsigned) {
        for (auto i = 0; i < 1000; ++i) {
            budget.call_started(at_t0);
            budget.failed();
            if (budget.try_retry(cause::error, at_t0)) budget.retry_ended();
            (void)budget.snapshot(t0);
            budget.call_ended();
        }
    });
    EXPECT_EQ(budget.snapshot(t0).active_calls, 0u);
    EXPECT_EQ(budget.snapshot(t0).active_retries, 0u);
}

} // namespace
