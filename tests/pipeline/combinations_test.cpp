#include <keel/pipeline.hpp>

#include "support/calls.hpp"

#include <algorithm>
#include <array>
#include <functional>

namespace keel {
namespace {

TEST(timeout_around_a_breaker_within_three_attempts, survives_a_short_outage)
{
    simulation world;
    circuit_breaker const breaker{trips_after(5)};
    pipeline const p{retry{retry_every(100ms, 3)}, timeout{{.limit = 5s}}, breaker};
    scripted<int> op;
    op.hangs().fails(reset()).takes(10ms).returns(42);

    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.value(), 42);
    EXPECT_EQ(end.attempts(), 3U);
    EXPECT_EQ(world.elapsed(), 5s + 100ms + 100ms + 10ms);
}

TEST(a_storm, of_calls_through_the_whole_stack_leaves_everything_at_home)
{
    simulation world(11);
    circuit_breaker const breaker{{.window = count_window{20}, .min_calls = 10, .open_for = 500ms}};
    bulkhead const compartment{{.max_concurrent = 5, .max_queue = 10, .max_wait = 400ms}};
    rate_limiter const limiter{{.permits = 50, .burst = 10, .max_wait = 200ms}};
    retry_budget const budget{{.kind = success_bucket{.size = 20, .deposit = 0.2}}};
    pipeline const p{
        timeout{{.limit = 2s}},   retry{{.max_attempts = 4}, budget}, breaker, compartment, limiter,
        timeout{{.limit = 150ms}}};
    scripted<int> op;
    for (auto i = 0; i < 200; ++i) {
        op.takes(std::chrono::milliseconds(i * 37 % 100));
        if (i % 9 == 0)
            op.fails(reset());
        else if (i % 31 == 0)
            op.hangs();
        else
            op.returns(i);
    }
    calls all(world);
    for (auto i = 0; i < 500; ++i) {
        all.start(p, op);
        if (i % 11 == 0) all.cancel(static_cast<std::size_t>(i / 2));
        world.advance(std::chrono::milliseconds(i * 13 % 20));
    }
    world.drain();

    std::size_t ok = 0;
    for (std::size_t i = 0; i < 500; ++i) {
        ASSERT_TRUE(all.done(i)) << "call " << i << " has no end";
        ok += all.at(i).ok ? 1 : 0;
    }
    EXPECT_GT(ok, 50U);
    EXPECT_LT(ok, 500U);
    EXPECT_EQ(op.running(), 0U);
    EXPECT_EQ(compartment.snapshot().running, 0U);
    EXPECT_EQ(compartment.snapshot().waiting, 0U);
    EXPECT_EQ(breaker.snapshot(world.clock().now()).trials_in_flight, 0U);
    EXPECT_EQ(p.orphans(), 0U);
    expect_nothing_left(world);
}

/// Calls `visit` with five policies around one operation, in each of their 120 orders, each time anew.
template <class Visit>
void in_every_order(Visit visit)
{
    std::array order{0, 1, 2, 3, 4};
    do {
        circuit_breaker const breaker{trips_after(3, 10s)};
        bulkhead const compartment{{.max_concurrent = 1, .max_queue = 1}};
        retry_budget const budget{{.kind = concurrency_share{}}};
        std::vector<any_part> const parts{breaker, compartment, rate_limiter{{.permits = 1000}},
                                          retry{retry_every(100ms, 3), budget}, timeout{{.limit = 1s}}};
        std::vector<any_part> chosen;
        std::string name;
        for (auto const i : order) {
            chosen.push_back(parts[static_cast<std::size_t>(i)]);
            name += "BCLRT"[i];
        }
        SCOPED_TRACE(name);
        simulation world;
        visit(world, pipeline({.name = name}, chosen));
        EXPECT_EQ(compartment.snapshot().running, 0U);
        EXPECT_EQ(compartment.snapshot().waiting, 0U);
        EXPECT_EQ(budget.snapshot(world.clock().now()).active_calls, 0U);
        EXPECT_EQ(budget.snapshot(world.clock().now()).active_retries, 0U);
        EXPECT_EQ(breaker.snapshot(world.clock().now()).trials_in_flight, 0U);
        expect_nothing_left(world);
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST(five_policies_in_every_order, let_a_good_call_through)
{
    in_every_order([](simulation& world, pipeline const& p) {
        scripted<int> op;
        op.takes(10ms).returns(42);
        auto const end = world.run(p.run(op));
        EXPECT_EQ(end.value(), 42);
        EXPECT_EQ(end.attempts(), 1U);
        EXPECT_EQ(world.elapsed(), 10ms);
    });
}

TEST(five_policies_in_every_order, retry_a_failure_that_passes)
{
    in_every_order([](simulation& world, pipeline const& p) {
        scripted<int> op;
        op.fails(reset()).fails(reset()).returns(42);
        auto const end = world.run(p.run(op));
        EXPECT_EQ(end.value(), 42);
        EXPECT_EQ(end.attempts(), 3U);
        EXPECT_EQ(world.elapsed(), 200ms);
    });
}

TEST(five_policies_in_every_order, end_a_call_that_hangs_with_a_timeout)
{
    in_every_order([](simulation& world, pipeline const& p) {
        scripted<int> op;
        op.hangs();
        auto const end = world.run(p.run(op));
        EXPECT_EQ(end.error(), errc::timed_out);
        auto const timeout_is_inside_retry = p.name().find('T') > p.name().find('R');
        EXPECT_EQ(end.attempts(), timeout_is_inside_retry ? 3U : 1U);
        EXPECT_EQ(world.elapsed(), timeout_is_inside_retry ? 3200ms : 1s);
    });
}

TEST(five_policies_in_every_order, cancel_as_one)
{
    in_every_order([](simulation& world, pipeline const& p) {
        scripted<int> op;
        op.fails(reset()).hangs();
        calls all(world);
        all.start(p, op);
        all.start(p, op);
        all.start(p, op);
        world.advance(150ms);
        for (std::size_t i = 0; i < 3; ++i) all.cancel(i);
        world.drain();
        for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(all.done(i));
        EXPECT_EQ(op.running(), 0U);
    });
}

TEST(five_policies_in_every_order, are_destroyed_as_one)
{
    in_every_order([](simulation& world, pipeline const& p) {
        scripted<int> op;
        op.fails(reset()).hangs();
        {
            simulation other;
            calls all(other);
            for (auto i = 0; i < 4; ++i) all.start(p, op);
            other.advance(150ms);
        }
        EXPECT_EQ(op.running(), 0U);
        (void)world;
    });
}

} // namespace
} // namespace keel
