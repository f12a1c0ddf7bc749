#include <keel/pipeline.hpp>

#include "support/calls.hpp"

namespace keel {
namespace {

TEST(rate_limiter_in_a_pipeline, admits_a_burst_and_then_the_rate)
{
    for (auto const algorithm : {rate_algorithm::token_bucket, rate_algorithm::gcra}) {
        simulation world;
        pipeline const p{rate_limiter{{.permits = 10, .burst = 3, .algorithm = algorithm}}};
        scripted<int> op;
        op.returns(42);

        for (auto i = 0; i < 3; ++i) EXPECT_TRUE(world.run(p.run(op)).ok());
        auto const refused = world.run(p.run(op));
        EXPECT_EQ(refused.error(), errc::rate_limited);
        EXPECT_EQ(refused.retry_at(), time_point{} + 100ms);
        world.advance(100ms);
        EXPECT_TRUE(world.run(p.run(op)).ok());
        EXPECT_FALSE(world.run(p.run(op)).ok());
        EXPECT_EQ(op.started(), 4U);
    }
}

TEST(rate_limiter_in_a_pipeline, makes_calls_wait_for_their_reserved_turn)
{
    simulation world;
    pipeline const p{rate_limiter{{.permits = 10, .burst = 1, .max_wait = 250ms}}};
    scripted<int> op;
    op.returns(42);
    calls all(world);

    for (auto i = 0; i < 4; ++i) all.start(p, op);
    world.drain();

    EXPECT_EQ(all.at(0).at, 0ms);
    EXPECT_EQ(all.at(1).at, 100ms);
    EXPECT_EQ(all.at(2).at, 200ms);
    EXPECT_EQ(all.at(3).error, errc::rate_limited)
        << "300 ms is longer than it may wait, so it does not wait at all";
    EXPECT_EQ(all.at(3).at, 0ms);
    expect_nothing_left(world);
}

TEST(rate_limiter_in_a_pipeline, refuses_at_once_a_wait_that_would_outlast_the_call)
{
    simulation world;
    pipeline const p{timeout{{.limit = 100ms}}, rate_limiter{{.permits = 10, .burst = 1, .max_wait = 10s}}};
    scripted<int> op;
    op.returns(42);
    calls all(world);

    all.start(p, op);
    all.start(p, op);
    world.drain();

    EXPECT_EQ(all.at(1).error, errc::rate_limited);
    EXPECT_EQ(all.at(1).at, 0ms);
}

TEST(rate_limiter_in_a_pipeline, gives_the_reservation_of_a_cancelled_call_back)
{
    simulation world;
    rate_limiter const limiter{{.permits = 10, .burst = 1, .max_wait = 1s}};
    pipeline const p{limiter};
    scripted<int> op;
    op.returns(42);
    calls all(world);
    all.start(p, op);
    all.start(p, op);
    EXPECT_EQ(limiter.snapshot(world.clock().now()).available, -1);

    all.cancel(1);
    world.clock().settle(world.context());

    EXPECT_EQ(all.at(1).error, aborted());
    EXPECT_EQ(limiter.snapshot(world.clock().now()).available, 0);
    all.start(p, op);
    world.drain();
    EXPECT_EQ(all.at(2).at, 100ms);
    EXPECT_EQ(op.started(), 2U);
}

TEST(rate_limiter_in_a_pipeline, begins_with_its_initial_tokens_whenever_it_is_first_used)
{
    simulation world;
    world.advance(24h);
    pipeline const p{rate_limiter{{.permits = 1, .per = 1h, .burst = 10, .initial = 2}}};
    scripted<int> op;
    op.returns(42);

    EXPECT_TRUE(world.run(p.run(op)).ok());
    EXPECT_TRUE(world.run(p.run(op)).ok());
    EXPECT_EQ(world.run(p.run(op)).error(), errc::rate_limited);
}

TEST(rate_limiter_in_a_pipeline, spends_nothing_for_a_call_that_an_outer_gate_refused)
{
    simulation world;
    rate_limiter const limiter{{.permits = 1, .per = 1h, .burst = 5}};
    circuit_breaker const breaker;
    breaker.force_open();
    pipeline const p{breaker, limiter};
    scripted<int> op;
    op.returns(42);

    EXPECT_EQ(world.run(p.run(op)).error(), errc::circuit_forced_open);
    EXPECT_EQ(limiter.snapshot(world.clock().now()).available, 5);
}

} // namespace
} // namespace keel
