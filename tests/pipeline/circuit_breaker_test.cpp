#include <keel/pipeline.hpp>

#include "support/calls.hpp"

namespace keel {
namespace {

TEST(circuit_breaker_in_a_pipeline, opens_refuses_tries_again_and_closes)
{
    simulation world;
    circuit_breaker const breaker{trips_after(3, 10s)};
    pipeline const p{breaker};
    scripted<int> op;
    op.fails(reset()).fails(reset()).fails(reset()).returns(42);

    for (auto i = 0; i < 3; ++i) EXPECT_EQ(world.run(p.run(op)).error(), reset());
    EXPECT_EQ(breaker.state(), circuit_state::open);

    world.advance(4s);
    auto const refused = world.run(p.run(op));
    EXPECT_EQ(refused.error(), errc::circuit_open);
    EXPECT_EQ(refused.error(), condition::rejected);
    EXPECT_EQ(refused.ended_by(), ended_by::rejection);
    EXPECT_EQ(refused.retry_at(), time_point{} + 10s);
    EXPECT_EQ(refused.attempts(), 0U);
    EXPECT_EQ(op.started(), 3U) << "refused means not run";

    world.advance(6s);
    EXPECT_TRUE(world.run(p.run(op)).ok());
    EXPECT_EQ(breaker.state(), circuit_state::closed);
}

TEST(circuit_breaker_in_a_pipeline, counts_timeouts_inside_and_outside_it)
{
    for (auto const outside : {false, true}) {
        simulation world;
        circuit_breaker const breaker{trips_after(1)};
        timeout const limit{{.limit = 1s}};
        pipeline const p = outside ? pipeline{limit, breaker} : pipeline{breaker, limit};
        scripted<int> op;
        op.hangs();

        EXPECT_EQ(world.run(p.run(op)).error(), errc::timed_out);
        EXPECT_EQ(breaker.state(), circuit_state::open);
    }
}

TEST(circuit_breaker_in_a_pipeline, does_not_count_a_cancelled_call)
{
    simulation world;
    circuit_breaker const breaker{trips_after(1)};
    pipeline const p{breaker};
    scripted<int> op;
    op.hangs();
    calls all(world);

    auto const call = all.start(p, op);
    all.cancel(call);
    world.drain();

    EXPECT_EQ(all.at(call).error, aborted());
    EXPECT_EQ(all.at(call).by, ended_by::caller);
    EXPECT_EQ(breaker.state(), circuit_state::closed);
    EXPECT_EQ(breaker.snapshot().consecutive_failures, 0U);
}

TEST(circuit_breaker_in_a_pipeline, does_not_count_what_inner_policies_refuse)
{
    simulation world;
    circuit_breaker const breaker{trips_after(1)};
    rate_limiter const none{{.permits = 1, .per = 1h, .burst = 1, .initial = 0}};
    pipeline const p{breaker, none};
    scripted<int> op;
    op.returns(1);

    EXPECT_EQ(world.run(p.run(op)).error(), errc::rate_limited);
    EXPECT_EQ(breaker.state(), circuit_state::closed);
}

TEST(circuit_breaker_in_a_pipeline, lets_the_predicate_say_what_counts)
{
    simulation world;
    auto options = trips_after(1);
    options.failure_if = [](failure const& f) { return f.code != asio::error::access_denied; };
    circuit_breaker const breaker{options};
    pipeline const p{breaker};
    scripted<int> op;
    op.fails(asio::error::access_denied).fails(reset());

    EXPECT_EQ(world.run(p.run(op)).error(), asio::error::access_denied);
    EXPECT_EQ(breaker.state(), circuit_state::closed);
    EXPECT_EQ(world.run(p.run(op)).error(), reset());
    EXPECT_EQ(breaker.state(), circuit_state::open);
}

TEST(circuit_breaker_in_a_pipeline, returns_the_trial_permit_of_a_cancelled_call)
{
    simulation world;
    circuit_breaker const breaker{trips_after(1, 1s)};
    pipeline const p{breaker};
    scripted<int> op;
    op.fails(reset()).hangs().returns(42);
    (void)world.run(p.run(op));
    world.advance(1s);
    calls all(world);

    auto const trial = all.start(p, op);
    EXPECT_EQ(breaker.state(), circuit_state::half_open);
    EXPECT_EQ(world.run(p.run(op)).error(), errc::circuit_half_open);
    all.cancel(trial);
    world.drain();

    EXPECT_EQ(breaker.snapshot(world.clock().now()).trials_in_flight, 0U);
    EXPECT_TRUE(world.run(p.run(op)).ok());
    EXPECT_EQ(breaker.state(), circuit_state::closed);
}

TEST(circuit_breaker_in_a_pipeline, ignores_news_from_before_it_opened)
{
    simulation world;
    circuit_breaker const breaker{trips_after(1, 1s)};
    pipeline const p{breaker};
    scripted<int> slow;
    slow.takes(5s).returns(42);
    scripted<int> bad;
    bad.fails(reset());
    scripted<int> trial;
    trial.takes(10s).fails(reset());
    calls all(world);

    all.start(p, slow);
    all.start(p, bad);
    world.advance(1s);
    all.start(p, trial);
    EXPECT_EQ(breaker.state(), circuit_state::half_open);
    world.advance(4s);
    EXPECT_TRUE(all.at(0).ok) << "the caller gets its value";
    EXPECT_EQ(breaker.state(), circuit_state::half_open) << "but the breaker does not count it";
    world.drain();
    EXPECT_EQ(breaker.state(), circuit_state::open);
}

TEST(circuit_breaker_in_a_pipeline, stops_a_retry_outside_it)
{
    simulation world;
    circuit_breaker const breaker{trips_after(2, 10s)};
    pipeline const p{retry{retry_every(1ms, 10)}, breaker};
    scripted<int> op;
    op.fails(reset());

    auto const end = world.run(p.run(op));

    EXPECT_EQ(op.started(), 2U);
    EXPECT_EQ(end.error(), errc::circuit_open);
    EXPECT_EQ(end.report().stopped, retry_stop::not_retryable);
}

TEST(circuit_breaker_in_a_pipeline, may_be_waited_for_by_a_retry_that_was_told_to)
{
    simulation world;
    circuit_breaker const breaker{trips_after(1, 3s)};
    auto options = retry_every(1ms, 10);
    options.retry_rejected = true;
    pipeline const p{retry{options}, breaker};
    scripted<int> op;
    op.fails(reset()).returns(42);

    EXPECT_EQ(world.run(p(op)), 42);
    EXPECT_EQ(world.elapsed(), 3s) << "one pause of 1 ms, and then until the breaker says";
    EXPECT_EQ(op.started(), 2U);
}

TEST(circuit_breaker_in_a_pipeline, is_one_breaker_in_every_pipeline_that_holds_it)
{
    simulation world;
    circuit_breaker const breaker{trips_after(1)};
    pipeline const a{breaker};
    pipeline const b{timeout{{.limit = 1s}}, breaker};
    scripted<int> op;
    op.fails(reset());

    (void)world.run(a.run(op));

    EXPECT_EQ(world.run(b.run(op)).error(), errc::circuit_open);
    EXPECT_EQ(breaker.try_acquire(world.clock().now()).error(), errc::circuit_open);
}

} // namespace
} // namespace keel
