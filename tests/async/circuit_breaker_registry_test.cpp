#include <keel/async/circuit_breaker_registry.hpp>

#include <keel/pipeline/pipeline.hpp>
#include <keel/testing/recorder.hpp>

#include "support/dice.hpp"
#include "support/two_threads.hpp"

#include <boost/system/system_error.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using keel::testing::recorder;
using strings = std::vector<std::string>;

static_assert(!std::is_copy_constructible_v<circuit_permit>);
static_assert(std::is_nothrow_move_constructible_v<circuit_permit>);
static_assert(std::is_nothrow_move_assignable_v<circuit_permit>);

constexpr time_point t0{1000s};

/// Each opens at the first failure, for five seconds each time; two trials decide.
circuit_breaker_registry_options one_strike(std::size_t max_entries = 100)
{
    circuit_breaker_registry_options o;
    o.breaker.name = "hosts";
    o.breaker.window = consecutive_window{.failures = 1};
    o.breaker.open_for = 5s;
    o.breaker.open_multiplier = 1.0;
    o.breaker.half_open_permits = 2;
    o.max_entries = max_entries;
    o.idle_expiry = 1min;
    return o;
}

void fail(circuit_breaker_registry const& all, std::string_view key, time_point now = t0)
{
    all.try_acquire(key, now).settle(verdict::failure, now);
}
void succeed(circuit_breaker_registry const& all, std::string_view key, time_point now = t0)
{
    all.try_acquire(key, now).settle(verdict::success, now);
}

// Breakers by key

TEST(circuit_breaker_registry, each_key_has_a_breaker_of_its_own)
{
    circuit_breaker_registry const hosts(one_strike());
    succeed(hosts, "a");
    fail(hosts, "b");
    EXPECT_EQ(hosts.state("a"), circuit_state::closed);
    EXPECT_EQ(hosts.state("b"), circuit_state::open);
    EXPECT_EQ(hosts.state("never heard of"), circuit_state::closed);
    EXPECT_FALSE(hosts.contains("never heard of")) << "looking makes nothing";
    EXPECT_FALSE(hosts.snapshot("never heard of", t0));
    EXPECT_TRUE(hosts.try_acquire("a", t0));

    auto const refused = hosts.try_acquire("b", t0 + 1s);
    EXPECT_FALSE(refused);
    EXPECT_EQ(refused.error(), errc::circuit_open);
    EXPECT_EQ(refused.retry_at(), t0 + 5s);
    EXPECT_EQ(hosts.snapshot().entries, 2u);
}

TEST(circuit_breaker_registry, a_breaker_goes_through_its_life)
{
    circuit_breaker_registry const hosts(one_strike());
    fail(hosts, "a");
    auto first = hosts.try_acquire("a", t0 + 5s);
    EXPECT_EQ(hosts.state("a"), circuit_state::half_open);
    auto second = hosts.try_acquire("a", t0 + 5s);
    EXPECT_TRUE(second);
    EXPECT_EQ(hosts.try_acquire("a", t0 + 5s).error(), errc::circuit_half_open);
    EXPECT_EQ(hosts.snapshot("a", t0 + 5s)->trials_in_flight, 2u);
    first.settle(verdict::success, t0 + 6s);
    second.settle(verdict::success, t0 + 6s);
    EXPECT_EQ(hosts.state("a"), circuit_state::closed);
}

TEST(circuit_breaker_registry, decides_as_breakers_in_a_map_do)
{
    for (auto const& window :
         {decltype(circuit_breaker_options::window)(count_window{6}),
          decltype(circuit_breaker_options::window)(time_window{.size = 30s, .buckets = 3}),
          decltype(circuit_breaker_options::window)(consecutive_window{2})}) {
        auto o = one_strike();
        o.breaker.window = window;
        o.breaker.min_calls = 3;
        o.breaker.slow_call = 3s;
        circuit_breaker_registry const hosts(o);
        std::map<std::string, circuit_breaker> naive;
        tests::dice dice(5);
        auto now = t0;
        for (auto i = 0; i < 4000; ++i) {
            now += dice.between(duration(0ms), duration(400ms));
            auto const key = "host-" + std::to_string(dice.below(20));
            auto& expected = naive.try_emplace(key, o.breaker).first->second;
            auto told = expected.try_acquire(now);
            auto permit = hosts.try_acquire(key, now);
            ASSERT_EQ(bool(permit), bool(told));
            ASSERT_EQ(permit.error(), told.error());
            ASSERT_EQ(permit.retry_at(), told.retry_at());
            auto const end = now + (dice.one_in(5) ? 4s : 0s);
            auto const v = static_cast<verdict>(dice.below(4));
            permit.settle(v, end);
            told.settle(v, end);
            auto const seen = hosts.snapshot(key, end);
            auto const wanted = expected.snapshot(end);
            ASSERT_TRUE(seen);
            ASSERT_EQ(seen->state, wanted.state);
            ASSERT_EQ(seen->generation, wanted.generation);
            ASSERT_EQ(seen->window, wanted.window);
            ASSERT_EQ(seen->opens_until, wanted.opens_until);
            ASSERT_EQ(seen->trials_in_flight, wanted.trials_in_flight);
        }
    }
}

TEST(circuit_breaker_registry, holds_many_and_finds_each)
{
    auto o = one_strike(50'000);
    circuit_breaker_registry const hosts(o);
    auto const name = [](int i) { return "service-" + std::to_string(i) + ".prod.example.internal:8443"; };
    for (auto i = 0; i < 20'000; ++i)
        if (i % 3 == 0)
            fail(hosts, name(i));
        else
            succeed(hosts, name(i));
    EXPECT_EQ(hosts.snapshot().entries, 20'000u);
    for (auto i = 0; i < 20'000; ++i)
        ASSERT_EQ(hosts.state(name(i)), i % 3 == 0 ? circuit_state::open : circuit_state::closed) << i;
}

TEST(circuit_breaker_registry, keys_may_be_empty_or_hold_any_byte_but_not_be_too_long)
{
    auto o = one_strike();
    o.max_key_size = 4;
    circuit_breaker_registry const hosts(o);
    fail(hosts, "");
    fail(hosts, std::string_view("a\0b", 3));
    EXPECT_EQ(hosts.state(""), circuit_state::open);
    EXPECT_EQ(hosts.state(std::string_view("a\0b", 3)), circuit_state::open);
    EXPECT_EQ(hosts.state(std::string_view("a\0c", 3)), circuit_state::closed);
    EXPECT_THROW((void)hosts.try_acquire("five5", t0), std::length_error);
    EXPECT_THROW((void)hosts.get("five5", t0), std::length_error);
}

TEST(circuit_breaker_registry, options_out_of_range_are_refused_all_at_once)
{
    auto o = one_strike(0);
    o.breaker.open_for = 0s;
    o.max_key_size = 65'536;
    o.idle_expiry = 0s;
    try {
        circuit_breaker_registry const hosts(o);
        FAIL() << "accepted";
    } catch (invalid_options const& e) {
        EXPECT_EQ(e.faults().list().size(), 4u) << e.what();
    }
}

TEST(circuit_breaker_registry, operators_force_a_breaker_open_and_closed)
{
    circuit_breaker_registry const hosts(one_strike());
    hosts.force_open("a", t0);
    EXPECT_EQ(hosts.try_acquire("a", t0 + 1h).error(), errc::circuit_forced_open);
    hosts.force_close("a", t0);
    EXPECT_TRUE(hosts.try_acquire("a", t0 + 1h));
    hosts.force_close("b", t0);
    EXPECT_FALSE(hosts.contains("b")) << "a new one would be closed";
}

// Permits

TEST(circuit_breaker_registry, a_permit_that_is_dropped_comes_home)
{
    circuit_breaker_registry const hosts(one_strike());
    fail(hosts, "a");
    for (auto round = 0; round < 5; ++round) {
        auto first = hosts.try_acquire("a", t0 + 5s);
        auto moved = std::move(first);
        EXPECT_FALSE(first);
        first = hosts.try_acquire("a", t0 + 5s);
        EXPECT_EQ(hosts.snapshot("a", t0 + 5s)->trials_in_flight, 2u);
        moved = circuit_permit();
    }
    EXPECT_EQ(hosts.snapshot("a", t0 + 5s)->trials_in_flight, 0u);
}

TEST(circuit_breaker_registry, a_permit_of_an_older_generation_changes_nothing)
{
    circuit_breaker_registry const hosts(one_strike());
    auto late = hosts.try_acquire("a", t0);
    hosts.force_open("a", t0);
    hosts.force_close("a", t0);
    late.settle(verdict::failure, t0);
    late.settle(verdict::failure, t0);
    EXPECT_EQ(hosts.state("a"), circuit_state::closed);
}

TEST(circuit_breaker_registry, permits_and_handles_outlive_the_registry)
{
    auto sink = std::make_shared<recorder>();
    std::weak_ptr<recorder> const watched = sink;
    std::optional<circuit_breaker_registry> hosts(one_strike());
    hosts->observe(std::move(sink));
    auto permit = hosts->try_acquire("a", t0);
    std::optional<circuit_breaker> handle = hosts->get("b", t0);
    auto other = handle->try_acquire(t0);
    hosts.reset();
    permit.settle(verdict::failure, t0);
    other.settle(verdict::failure, t0);
    EXPECT_EQ(handle->state(), circuit_state::open);
    EXPECT_EQ(watched.lock()->lines().size(), 2u);
    handle.reset();
    EXPECT_TRUE(watched.expired()) << "with the last of them all is gone";
}

TEST(circuit_breaker_registry, by_the_machines_clock_it_works_too)
{
    circuit_breaker_registry const hosts(one_strike());
    hosts.try_acquire("a").settle(verdict::success);
    hosts.try_acquire("a").settle(verdict::failure);
    EXPECT_EQ(hosts.state("a"), circuit_state::open);
    EXPECT_GT(hosts.try_acquire("a").retry_at(), steady_now());
}

// Handles

TEST(circuit_breaker_registry, a_handle_is_the_breaker_of_its_key)
{
    circuit_breaker_registry const hosts(one_strike());
    auto const a = hosts.get("a", t0);
    EXPECT_EQ(a.as_gate()->name(), "hosts");
    EXPECT_EQ(a.as_gate()->state_to_keep(t0), "") << "the registry keeps it";
    fail(hosts, "a");
    EXPECT_EQ(a.state(), circuit_state::open);
    EXPECT_EQ(a.try_acquire(t0).error(), errc::circuit_open);
    a.force_close(t0);
    EXPECT_EQ(hosts.state("a"), circuit_state::closed);
    a.try_acquire(t0).settle(verdict::failure, t0);
    EXPECT_EQ(hosts.state("a"), circuit_state::open);
    EXPECT_EQ(a.snapshot(t0).opens_until, t0 + 5s);
    EXPECT_EQ(hosts.get("a", t0).state(), circuit_state::open);
    pipeline const policies{a};
    EXPECT_EQ(policies.describe().parts.at(0).kind, "circuit_breaker");
}

// Who is told

TEST(circuit_breaker_registry, tells_its_sink_and_its_listener_which_key_it_was)
{
    strings heard;
    auto o = one_strike();
    o.breaker.on_transition = [&](circuit_transition const& t) {
        heard.push_back(std::string(t.key) + ' ' + std::string(to_string(t.to)));
    };
    circuit_breaker_registry const hosts(o);
    auto const sink = std::make_shared<recorder>();
    hosts.observe(sink);
    fail(hosts, "a");
    (void)hosts.try_acquire("a", t0 + 1s);
    (void)hosts.try_acquire("a", t0 + 5s);
    hosts.force_close("a", t0);
    EXPECT_EQ(heard, (strings{"a open", "a half_open", "a closed"}));
    EXPECT_EQ(sink->lines(),
              (strings{"event=circuit_changed instance=a policy=hosts from=closed to=open",
                       "event=rejected instance=a policy=hosts error=\"the circuit breaker is open\" "
                       "code=keel:2 retry_after=4s",
                       "event=circuit_changed instance=a policy=hosts from=open to=half_open",
                       "event=circuit_changed instance=a policy=hosts from=half_open to=closed",
                       "event=circuit_reset instance=a policy=hosts"}));
}

TEST(circuit_breaker_registry, a_listener_may_use_the_registry_and_throw)
{
    std::optional<circuit_breaker_registry> hosts;
    auto asked = 0;
    auto o = one_strike();
    o.breaker.on_transition = [&](circuit_transition const& t) {
        ++asked;
        (void)hosts->state(t.key);
        (void)hosts->try_acquire(t.key, t0);
        throw std::runtime_error("the pager is broken");
    };
    hosts.emplace(o);
    EXPECT_NO_THROW(fail(*hosts, "a"));
    EXPECT_EQ(asked, 1);
}

// What goes and what stays

/// A registry that notes who has left.
class bounded : public ::testing::Test
{
protected:
    explicit bounded(std::size_t max_entries = 2) : hosts(noting(max_entries)) {}

    circuit_breaker_registry_options noting(std::size_t max_entries)
    {
        auto o = one_strike(max_entries);
        o.on_removed = [this](circuit_breaker_removed const& r) {
            gone.push_back(std::string(r.key) + ' ' + std::string(to_string(r.was)));
        };
        return o;
    }

    strings gone;
    circuit_breaker_registry hosts;
};

TEST_F(bounded, the_one_at_rest_that_was_not_asked_for_for_longest_makes_room)
{
    succeed(hosts, "a", t0);
    succeed(hosts, "b", t0 + 1s);
    succeed(hosts, "a", t0 + 2s);
    succeed(hosts, "c", t0 + 3s);
    EXPECT_EQ(gone, strings{"b closed"});
    EXPECT_EQ(hosts.snapshot().displaced, 1u);
    EXPECT_EQ(hosts.snapshot().lost_state, 0u);
    EXPECT_EQ(hosts.snapshot().entries, 2u);
}

TEST_F(bounded, what_is_open_stays_while_anything_is_at_rest)
{
    fail(hosts, "a", t0);
    succeed(hosts, "b", t0 + 1s);
    succeed(hosts, "c", t0 + 2s);
    EXPECT_EQ(gone, strings{"b closed"});
    EXPECT_EQ(hosts.state("a"), circuit_state::open);
}

TEST_F(bounded, if_nothing_is_at_rest_an_open_one_goes_and_it_is_told)
{
    fail(hosts, "a", t0);
    fail(hosts, "b", t0 + 1s);
    fail(hosts, "c", t0 + 2s);
    EXPECT_EQ(gone, strings{"a open"});
    EXPECT_EQ(hosts.snapshot().lost_state, 1u);
    hosts.force_close("b", t0 + 3s);
    fail(hosts, "d", t0 + 4s);
    EXPECT_EQ(gone, (strings{"a open", "b closed"})) << "one has come to rest again";
}

TEST_F(bounded, what_is_in_use_or_forced_open_never_goes)
{
    auto permit = hosts.try_acquire("a", t0);
    hosts.force_open("b", t0);
    auto const refused = hosts.try_acquire("c", t0 + 1h);
    EXPECT_EQ(refused.error(), errc::registry_full);
    EXPECT_EQ(refused.error(), condition::rejected);
    EXPECT_FALSE(refused.retry_at());
    try {
        (void)hosts.get("c", t0);
        FAIL() << "there was room";
    } catch (boost::system::system_error const& e) {
        EXPECT_EQ(e.code(), errc::registry_full);
    }
    EXPECT_EQ(hosts.snapshot().refused, 2u);
    EXPECT_EQ(hosts.sweep(t0 + 1h), 0u);
    EXPECT_TRUE(gone.empty());
    permit.settle(verdict::success, t0);
    EXPECT_TRUE(hosts.try_acquire("c", t0 + 1h));
    EXPECT_EQ(gone, strings{"a closed"});
}

TEST_F(bounded, a_handle_keeps_its_breaker)
{
    auto handle = std::optional(hosts.get("a", t0));
    succeed(hosts, "b", t0 + 1s);
    succeed(hosts, "c", t0 + 2s);
    EXPECT_EQ(gone, strings{"b closed"});
    handle.reset();
    succeed(hosts, "d", t0 + 3s);
    EXPECT_EQ(gone, (strings{"b closed", "a closed"}));
}

class roomy : public bounded
{
protected:
    roomy() : bounded(100'000) {}
};

TEST_F(roomy, sweep_drops_what_was_at_rest_for_long_enough_and_nothing_else)
{
    for (auto i = 0; i < 1000; ++i) succeed(hosts, std::to_string(i), t0);
    fail(hosts, "open", t0);
    hosts.force_open("forced", t0);
    auto permit = hosts.try_acquire("in use", t0);
    succeed(hosts, "young", t0 + 1s);
    EXPECT_EQ(hosts.sweep(t0 + 59s), 0u);
    EXPECT_EQ(hosts.sweep(t0 + 1min), 1000u);
    EXPECT_EQ(gone.size(), 1000u);
    EXPECT_EQ(hosts.snapshot().expired, 1000u);
    EXPECT_EQ(hosts.snapshot().entries, 4u);
    for (auto const* key : {"open", "forced", "in use", "young"}) EXPECT_TRUE(hosts.contains(key)) << key;
}

TEST_F(roomy, new_keys_drop_a_few_of_the_old)
{
    for (auto i = 0; i < 1000; ++i) succeed(hosts, "old " + std::to_string(i), t0);
    for (auto i = 0; i < 2000; ++i) succeed(hosts, "new " + std::to_string(i), t0 + 1h);
    EXPECT_LT(hosts.snapshot().entries, 2300u) << "most of the old have left";
    EXPECT_EQ(hosts.snapshot().entries + gone.size(), 3000u);
}

TEST_F(roomy, entries_show_every_breaker)
{
    fail(hosts, "a", t0);
    auto permit = hosts.try_acquire("b", t0 + 1s);
    auto all = hosts.entries(t0 + 3s);
    std::sort(all.begin(), all.end(), [](auto const& x, auto const& y) { return x.key < y.key; });
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].key, "a");
    EXPECT_EQ(all[0].seen.state, circuit_state::open);
    EXPECT_FALSE(all[0].in_use);
    EXPECT_EQ(all[0].idle, 3s);
    EXPECT_EQ(all[1].key, "b");
    EXPECT_TRUE(all[1].in_use);
}

// Several threads

TEST(circuit_breaker_registry, gives_up_when_its_observer_takes_the_room_that_was_made)
{
    std::optional<circuit_breaker_registry> hosts;
    auto o = one_strike(1);
    o.on_removed = [&](circuit_breaker_removed const&) {
        hosts->try_acquire("audit", t0).settle(verdict::success, t0);
    };
    hosts.emplace(o);
    hosts->try_acquire("a", t0).settle(verdict::success, t0);
    EXPECT_EQ(hosts->try_acquire("b", t0).error(), errc::registry_full);
    EXPECT_TRUE(hosts->contains("audit"));
}

TEST(circuit_breaker_registry, finds_the_only_one_that_may_go_among_many)
{
    constexpr auto most = 400U;
    for (auto round = 0U; round < 20; ++round) {
        circuit_breaker_registry const hosts(one_strike(most));
        std::vector<circuit_breaker> held;
        for (auto i = 1U; i < most; ++i) held.push_back(hosts.get(std::to_string(round * most + i), t0));
        hosts.try_acquire("ill", t0).settle(verdict::failure, t0);

        EXPECT_TRUE(hosts.try_acquire("new", t0)) << "in round " << round;
        EXPECT_FALSE(hosts.contains("ill"));
        EXPECT_TRUE(hosts.try_acquire("newer", t0)) << "for `new` is at rest";
        auto const last = hosts.get("newer", t0);
        EXPECT_EQ(hosts.try_acquire("newest", t0).error(), errc::registry_full);
    }
}

TEST(circuit_breaker_registry, two_threads_share_keys_come_and_go_and_lose_no_permit)
{
    std::atomic<std::uint64_t> removed{0};
    auto o = one_strike(300);
    o.breaker.window = count_window{4};
    o.breaker.open_for = 1ms;
    o.idle_expiry = 20ms;
    o.on_removed = [&](circuit_breaker_removed const&) { ++removed; };
    std::optional<circuit_breaker_registry> hosts(o);
    std::vector<circuit_permit> left_over[2];
    on_two_threads([&](unsigned thread) {
        tests::dice dice(thread);
        for (auto round = 0; round < 20'000; ++round) {
            auto const now = t0 + round * 10us;
            auto const key = std::to_string(dice.below(500));
            auto permit = hosts->try_acquire(key, now);
            if (dice.one_in(100)) (void)hosts->get(key, now).try_acquire(now);
            if (dice.one_in(300)) hosts->force_close(key, now);
            if (dice.one_in(2000)) hosts->sweep(now);
            if (dice.one_in(1000)) left_over[thread].push_back(std::move(permit));
            permit.settle(dice.one_in(3) ? verdict::failure : verdict::success, now);
        }
    });
    EXPECT_GT(removed, 0u);
    EXPECT_LE(hosts->snapshot().entries, 300u);
    EXPECT_EQ(hosts->snapshot().entries, hosts->entries(t0).size());
    for (auto const& e : hosts->entries(t0)) {
        auto const out = [&](auto const& permits) { return !permits.empty(); };
        EXPECT_TRUE(!e.in_use || out(left_over[0]) || out(left_over[1])) << e.key;
    }
    hosts.reset();
    on_two_threads([&](unsigned thread) { left_over[thread].clear(); });
}

} // namespace
