#include <keel/policy/timeout.hpp>

#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using faults = std::vector<option_fault>;
using policy::abandon_operation;
using policy::await_operation;
using policy::await_until;
using policy::timeout_action;
using limit = policy::timeout;

constexpr time_point at(duration since_start) { return time_point(since_start); }

TEST(timeout, a_life_with_grace_waits_once_and_then_leaves)
{
    timeout_options const options{.limit = 2s, .on_expiry = grace(500ms)};
    limit t(options);
    EXPECT_EQ(t.deadline(at(10s)), at(12s));
    EXPECT_EQ(t.expired(at(12s)), timeout_action(await_until{at(12'500ms)}));
    EXPECT_EQ(t.expired(at(12'500ms)), timeout_action(abandon_operation{}));
    EXPECT_EQ(t.expired(at(13s)), timeout_action(abandon_operation{}));
}

TEST(timeout, shows_its_limit_and_whether_the_grace_period_has_begun)
{
    timeout_options const options{.limit = 2s, .on_expiry = grace(500ms)};
    limit t(options);
    EXPECT_EQ(t.snapshot().limit, 2s);
    EXPECT_FALSE(t.snapshot().in_grace);
    (void)t.expired(at(2s));
    EXPECT_TRUE(t.snapshot().in_grace);
    EXPECT_TRUE(limit(options, true).snapshot().in_grace);
}

TEST(timeout, a_cooperative_timeout_waits_however_often_it_is_asked)
{
    timeout_options const options{.limit = 2s, .on_expiry = cooperate};
    limit t(options);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(t.expired(at(12s)), timeout_action(await_operation{}));
}

TEST(timeout, an_abandoning_timeout_leaves_at_once)
{
    timeout_options const options{.limit = 2s, .on_expiry = abandon};
    limit t(options);
    EXPECT_EQ(t.expired(at(12s)), timeout_action(await_until{at(12s)})) << "one turn to unwind";
    EXPECT_EQ(t.expired(at(12s)), timeout_action(abandon_operation{}));
}

TEST(timeout, the_default_gives_thirty_seconds_and_cooperates)
{
    timeout_options const options;
    limit t(options);
    EXPECT_EQ(t.deadline(at(0s)), at(30s));
    EXPECT_EQ(t.expired(at(30s)), timeout_action(await_operation{}));
    EXPECT_EQ(&t.options(), &options);
}

TEST(timeout, grace_begins_when_the_limit_is_noticed_and_not_before)
{
    timeout_options const options{.limit = 1s, .on_expiry = grace(1s)};
    limit t(options);
    EXPECT_EQ(t.expired(at(5s)), timeout_action(await_until{at(6s)}));
}

TEST(timeout, grace_of_no_time_is_still_asked_about)
{
    timeout_options const options{.on_expiry = grace(0ns)};
    limit t(options);
    EXPECT_EQ(t.expired(at(1s)), timeout_action(await_until{at(1s)}));
    EXPECT_EQ(t.expired(at(1s)), timeout_action(abandon_operation{}));
}

TEST(timeout, each_call_has_a_grace_period_of_its_own)
{
    timeout_options const options{.on_expiry = grace(1s)};
    limit first(options);
    limit second(options);
    first.expired(at(1s));
    EXPECT_EQ(second.expired(at(2s)), timeout_action(await_until{at(3s)}));
}

TEST(timeout, a_limit_of_nothing_or_less_is_over_before_it_begins)
{
    timeout_options const none{.limit = 0ns};
    EXPECT_EQ(limit(none).deadline(at(7s)), at(7s));
    timeout_options const negative{.limit = -1ns};
    EXPECT_EQ(limit(negative).deadline(at(7s)), at(7s) - 1ns);
}

TEST(timeout, extreme_limits_stop_at_the_ends_of_time)
{
    timeout_options const longest{.limit = duration::max(), .on_expiry = grace(duration::max())};
    limit t(longest);
    EXPECT_EQ(t.deadline(at(1s)), time_point::max());
    EXPECT_EQ(t.deadline(at(0s)), time_point::max());
    EXPECT_EQ(t.deadline(at(-1s)), time_point::max() - 1s);
    EXPECT_EQ(t.expired(at(1s)), timeout_action(await_until{time_point::max()}));

    timeout_options const shortest{.limit = duration::min()};
    EXPECT_EQ(limit(shortest).deadline(at(-1s)), time_point::min());
    EXPECT_EQ(limit(shortest).deadline(at(1s)), time_point::min() + 1s);
}

TEST(timeout, says_what_happens_at_its_end)
{
    static_assert(!cooperate.may_abandon());
    static_assert(abandon.may_abandon());
    static_assert(grace(3s).may_abandon());
    EXPECT_EQ(cooperate.grace(), std::nullopt);
    EXPECT_EQ(abandon.grace(), 0s);
    EXPECT_EQ(grace(3s).grace(), 3s);
}

TEST(timeout, any_limit_is_in_range_and_a_negative_grace_is_not)
{
    EXPECT_EQ(validate(timeout_options{}).list(), faults{});
    EXPECT_TRUE(validate(timeout_options{.limit = duration::min()}).empty());
    EXPECT_TRUE(
        validate(timeout_options{.limit = duration::max(), .on_expiry = grace(duration::max())}).empty());
    EXPECT_TRUE(validate(timeout_options{.on_expiry = grace(0ns)}).empty());
    EXPECT_EQ(validate(timeout_options{.on_expiry = grace(-1ms)}).list(),
              (faults{{"on_expiry.grace", "-1ms", "0 or more"}}));
    EXPECT_EQ(validate(timeout_options{.on_expiry = grace(duration::min())}).list().size(), 1U);
}

} // namespace
