// The defaults that the documents promise, and that a snapshot nobody filled is empty.

#include <keel/policy/bulkhead.hpp>
#include <keel/policy/circuit_breaker.hpp>
#include <keel/policy/fallback.hpp>
#include <keel/policy/rate_limiter.hpp>
#include <keel/policy/retry.hpp>
#include <keel/policy/retry_budget.hpp>
#include <keel/policy/timeout.hpp>

#include "support/printers.hpp"

#include <gtest/gtest.h>

namespace {

using namespace keel;
using namespace std::chrono_literals;

TEST(defaults, of_the_bulkhead)
{
    bulkhead_options const o;
    EXPECT_EQ(o.name, "bulkhead");
    EXPECT_EQ(o.max_concurrent, 25U);
    EXPECT_EQ(o.max_queue, 0U);
    EXPECT_EQ(o.max_wait, std::nullopt);
    bulkhead_snapshot const s;
    EXPECT_EQ(s.running | s.waiting | s.max_concurrent | s.max_queue, 0U);
}

TEST(defaults, of_the_circuit_breaker)
{
    circuit_breaker_options const o;
    EXPECT_EQ(o.name, "circuit_breaker");
    ASSERT_TRUE(std::holds_alternative<time_window>(o.window));
    EXPECT_EQ(std::get<time_window>(o.window).size, 10s);
    EXPECT_EQ(std::get<time_window>(o.window).buckets, 10U);
    EXPECT_EQ(count_window{}.size, 100U);
    EXPECT_EQ(consecutive_window{}.failures, 5U);
    EXPECT_EQ(o.min_calls, 20U);
    EXPECT_EQ(o.failure_ratio, 0.5);
    EXPECT_EQ(o.slow_call, std::nullopt);
    EXPECT_EQ(o.slow_ratio, std::nullopt);
    EXPECT_EQ(o.open_for, 5s);
    EXPECT_EQ(o.open_multiplier, 2.0);
    EXPECT_EQ(o.open_max, 60s);
    EXPECT_EQ(o.half_open_permits, 3U);
    EXPECT_EQ(o.half_open_max, 5min);
    EXPECT_FALSE(o.failure_if);
    EXPECT_FALSE(o.on_transition);
    circuit_breaker_snapshot const s;
    EXPECT_EQ(s.state, circuit_state::closed);
    EXPECT_EQ(s.window, policy::tally{});
    EXPECT_EQ(policy::tally{}.total | policy::tally{}.failed | policy::tally{}.slow, 0U);
    EXPECT_EQ(s.consecutive_failures | s.trials_in_flight | s.generation, 0U);
    EXPECT_EQ(s.opens_until, std::nullopt);
}

TEST(defaults, of_the_rate_limiter)
{
    rate_limiter_options const o;
    EXPECT_EQ(o.name, "rate_limiter");
    EXPECT_EQ(o.permits, 100U);
    EXPECT_EQ(o.per, 1s);
    EXPECT_EQ(o.burst, std::nullopt);
    EXPECT_EQ(o.max_wait, 0s);
    EXPECT_EQ(o.algorithm, rate_algorithm::token_bucket);
    EXPECT_EQ(o.initial, std::nullopt);
    rate_limiter_snapshot const s;
    EXPECT_EQ(s.available, 0);
    EXPECT_EQ(s.burst, 0U);
}

TEST(defaults, of_retry)
{
    retry_options const o;
    EXPECT_EQ(o.name, "retry");
    EXPECT_EQ(o.max_attempts, 3U);
    EXPECT_EQ(o.max_duration, std::nullopt);
    EXPECT_TRUE(std::holds_alternative<exponential>(o.backoff));
    EXPECT_EQ(o.hint_cap, 60s);
    EXPECT_FALSE(o.retry_rejected);
    EXPECT_FALSE(o.retry_if);
    retry_snapshot const s;
    EXPECT_EQ(s.attempts, 0U);
    EXPECT_EQ(s.max_attempts, std::nullopt);
    EXPECT_EQ(policy::give_up{}.why, retry_stop::none);
    EXPECT_EQ(policy::retry(o).attempts(), 0U) << "before it has started";
}

TEST(defaults, of_every_back_off)
{
    exponential const e;
    EXPECT_EQ(e.base, 50ms);
    EXPECT_EQ(e.multiplier, 2.0);
    EXPECT_EQ(e.cap, 20s);
    EXPECT_EQ(e.jitter, jitter::full);
    EXPECT_EQ(e.spread, 0.2);
    linear const l;
    EXPECT_EQ(l.base, 100ms);
    EXPECT_EQ(l.cap, 20s);
    EXPECT_EQ(l.jitter, jitter::full);
    EXPECT_EQ(l.spread, 0.2);
    constant const c;
    EXPECT_EQ(c.base, 100ms);
    EXPECT_EQ(c.cap, duration::max());
    EXPECT_EQ(c.jitter, jitter::none);
    EXPECT_EQ(c.spread, 0.2);
    custom const own;
    EXPECT_FALSE(own.delay);
    EXPECT_EQ(own.cap, duration::max());
    EXPECT_EQ(own.jitter, jitter::none);
    EXPECT_EQ(own.spread, 0.2);
}

TEST(defaults, of_every_retry_budget)
{
    EXPECT_TRUE(std::holds_alternative<success_bucket>(retry_budget_options{}.kind));
    EXPECT_EQ(success_bucket{}.size, 100U);
    EXPECT_EQ(success_bucket{}.deposit, 0.2);
    EXPECT_EQ(failure_threshold{}.max_tokens, 100U);
    EXPECT_EQ(failure_threshold{}.ratio, 0.1);
    EXPECT_EQ(ratio_window{}.ttl, 10s);
    EXPECT_EQ(ratio_window{}.min_per_second, 10U);
    EXPECT_EQ(ratio_window{}.ratio, 0.2);
    EXPECT_EQ(concurrency_share{}.ratio, 0.2);
    EXPECT_EQ(concurrency_share{}.min_retries, 3U);
    EXPECT_EQ(retry_cost{}.capacity, 500U);
    EXPECT_EQ(retry_cost{}.retry, 5U);
    EXPECT_EQ(retry_cost{}.after_timeout, 10U);
    retry_budget_snapshot const s;
    EXPECT_EQ(s.available | s.tokens_milli | s.active_calls | s.active_retries, 0U);
}

TEST(options, are_shown_as_they_were_given)
{
    bulkhead_options b;
    b.name = "rooms";
    b.max_queue = 7;
    EXPECT_EQ(policy::bulkhead(b).options().name, "rooms");
    EXPECT_EQ(policy::bulkhead(b).options().max_queue, 7U);
    circuit_breaker_options c;
    c.name = "fuse";
    c.min_calls = 7;
    EXPECT_EQ(policy::circuit_breaker(c).options().name, "fuse");
    EXPECT_EQ(policy::circuit_breaker(c).options().min_calls, 7U);
    rate_limiter_options r;
    r.name = "quota";
    r.permits = 7;
    EXPECT_EQ(policy::rate_limiter(r).options().name, "quota");
    EXPECT_EQ(policy::rate_limiter(r).options().permits, 7U);
    retry_budget_options const share{concurrency_share{0.5, 7}};
    policy::retry_budget const budget(share);
    ASSERT_TRUE(std::holds_alternative<concurrency_share>(budget.options().kind));
    EXPECT_EQ(std::get<concurrency_share>(budget.options().kind).min_retries, 7U);
}

TEST(defaults, of_timeout_and_fallback)
{
    timeout_options const t;
    EXPECT_EQ(t.name, "timeout");
    EXPECT_EQ(t.limit, 30s);
    EXPECT_FALSE(t.on_expiry.may_abandon());
    EXPECT_FALSE(timeout_snapshot{}.in_grace);
    EXPECT_FALSE(policy::timeout(t).snapshot().in_grace);
    EXPECT_EQ(fallback_options{}.name, "fallback");
    EXPECT_EQ(fallback_snapshot{}.alternatives, 0U);
}

} // namespace
