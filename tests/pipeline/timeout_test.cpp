#include <keel/pipeline.hpp>

#include "support/world.hpp"

namespace keel {
namespace {

TEST(timeout_in_a_pipeline, lets_a_value_through_that_comes_in_time)
{
    simulation world;
    scripted<int> op;
    op.takes(999ms).returns(42);
    pipeline const p{timeout{{.limit = 1s}}};

    auto const end = world.run(p.run(op));

    EXPECT_TRUE(end.ok());
    EXPECT_EQ(end.value(), 42);
    EXPECT_EQ(end.ended_by(), ended_by::operation);
    EXPECT_EQ(world.elapsed(), 999ms);
    expect_nothing_left(world);
    EXPECT_EQ(world.elapsed(), 999ms);
}

TEST(timeout_in_a_pipeline, cancels_what_takes_too_long_and_says_who_did)
{
    simulation world;
    scripted<int> op;
    op.hangs();
    pipeline const p{timeout{{.name = "attempt", .limit = 800ms}}};

    auto const end = world.run(p.run(op));

    EXPECT_FALSE(end.has_value());
    EXPECT_EQ(end.error(), errc::timed_out);
    EXPECT_EQ(end.error(), condition::timed_out);
    EXPECT_EQ(end.ended_by(), ended_by::timeout);
    EXPECT_EQ(end.report().policy, "attempt");
    EXPECT_EQ(end.attempts(), 1U);
    EXPECT_EQ(op.cancelled(), 1U);
    EXPECT_EQ(op.running(), 0U);
    EXPECT_EQ(world.elapsed(), 800ms);
    expect_nothing_left(world);
}

TEST(timeout_in_a_pipeline, throws_once_at_the_edge_when_the_type_cannot_carry_the_error)
{
    simulation world;
    scripted<int> op;
    op.hangs();
    pipeline const p{{.name = "payments"}, timeout{{.limit = 1s}}};

    try {
        world.run(p(op));
        FAIL() << "nothing was thrown";
    } catch (boost::system::system_error const& e) {
        EXPECT_EQ(e.code(), errc::timed_out);
        EXPECT_NE(std::string(e.what()).find("payments"), std::string::npos) << e.what();
    }
}

TEST(timeout_in_a_pipeline, takes_a_result_at_exactly_the_deadline_for_a_success)
{
    simulation world;
    scripted<int> op;
    op.takes(1s).returns(42);
    pipeline const p{timeout{{.limit = 1s}}};

    EXPECT_EQ(world.run(p(op)), 42);
    EXPECT_EQ(world.elapsed(), 1s);
}

asio::awaitable<int> in_two_steps(duration first, duration second)
{
    co_await sleep_for(first);
    co_await sleep_for(second);
    co_return 42;
}

TEST(timeout_in_a_pipeline, takes_it_even_when_the_operation_armed_its_timer_after_the_deadline)
{
    simulation world;
    pipeline const p{timeout{{.limit = 1s}}};

    EXPECT_EQ(world.run(p(in_two_steps, 400ms, 600ms)), 42);
}

TEST(timeout_in_a_pipeline, keeps_the_value_of_an_operation_that_ignores_cancellation)
{
    simulation world;
    scripted<int> op;
    op.takes(3s).ignoring_cancellation().returns(42);
    pipeline const p{timeout{{.limit = 1s}}};

    auto const end = world.run(p.run(op));

    EXPECT_TRUE(end.ok()) << "a result is never thrown away while somebody waits for it";
    EXPECT_EQ(end.value(), 42);
    EXPECT_EQ(world.elapsed(), 3s);
    EXPECT_EQ(op.cancelled(), 1U);
    expect_nothing_left(world);
}

TEST(timeout_in_a_pipeline, turns_an_error_after_the_deadline_into_a_timeout)
{
    simulation world;
    scripted<int> op;
    op.takes(3s).ignoring_cancellation().fails(reset());
    pipeline const p{timeout{{.limit = 1s}}};

    EXPECT_EQ(world.run(p.run(op)).error(), errc::timed_out);
}

TEST(timeout_in_a_pipeline, lets_an_error_before_the_deadline_through_unchanged)
{
    simulation world;
    scripted<int> op;
    op.takes(10ms).fails(reset());
    pipeline const p{timeout{{.limit = 1s}}};

    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.error(), reset());
    EXPECT_EQ(end.ended_by(), ended_by::operation);
    EXPECT_EQ(world.elapsed(), 10ms);
    expect_nothing_left(world);
}

TEST(timeout_in_a_pipeline, does_not_start_the_operation_without_time)
{
    for (auto const limit : {duration(0), duration(-1s), duration::min()}) {
        simulation world;
        scripted<int> op;
        op.returns(42);
        pipeline const p{timeout{{.limit = limit}}};

        auto const end = world.run(p.run(op));

        EXPECT_EQ(end.error(), errc::timed_out);
        EXPECT_EQ(end.attempts(), 0U);
        EXPECT_EQ(op.started(), 0U);
    }
}

TEST(timeout_in_a_pipeline, may_be_as_long_as_time)
{
    simulation world;
    scripted<int> op;
    op.takes(1h).returns(42);
    pipeline const p{timeout{{.limit = duration::max()}}};

    EXPECT_EQ(world.run(p(op)), 42);
    EXPECT_EQ(world.elapsed(), 1h);
}

TEST(two_timeouts, are_as_strict_as_the_stricter)
{
    for (auto const& [outer, inner, who] :
         {std::tuple(2s, 1s, "inner"), std::tuple(1s, 2s, "outer"), std::tuple(1s, 1s, "outer")}) {
        simulation world;
        scripted<int> op;
        op.hangs();
        pipeline const p{timeout{{.name = "outer", .limit = outer}},
                         timeout{{.name = "inner", .limit = inner}}};

        auto const end = world.run(p.run(op));

        EXPECT_EQ(end.report().policy, who);
        EXPECT_EQ(world.elapsed(), 1s);
        expect_nothing_left(world);
    }
}

// --- abandoning
// -------------------------------------------------------------------------------------------------

/// An operation that owns what it uses: nothing.
asio::awaitable<int> deaf_for_three_seconds(std::shared_ptr<int> ended)
{
    scripted<int> op;
    op.takes(3s).ignoring_cancellation().returns(42);
    auto const value = co_await op();
    ++*ended;
    co_return value;
}

TEST(an_abandoning_timeout, returns_at_the_limit_and_keeps_the_permit_until_the_orphan_ends)
{
    simulation world;
    auto const ended = std::make_shared<int>(0);
    auto const sink = std::make_shared<recorder>();
    bulkhead const compartment{{.max_concurrent = 1}};
    pipeline const p{{.sink = sink}, timeout{{.limit = 1s, .on_expiry = abandon}}, compartment};

    auto const end = world.run(p.run(deaf_for_three_seconds, ended));

    EXPECT_EQ(end.error(), errc::timed_out);
    EXPECT_EQ(world.elapsed(), 1s);
    EXPECT_EQ(*ended, 0);
    EXPECT_EQ(p.orphans(), 1U);
    EXPECT_EQ(compartment.snapshot().running, 1U) << "the orphan still uses the dependency";
    EXPECT_EQ(world.run(p.run(deaf_for_three_seconds, ended)).error(), errc::bulkhead_full);

    world.drain();

    EXPECT_EQ(*ended, 1);
    EXPECT_EQ(world.elapsed(), 3s);
    EXPECT_EQ(p.orphans(), 0U);
    EXPECT_EQ(compartment.snapshot().running, 0U);
    EXPECT_EQ(sink->count("orphan_ended"), 1U);
    expect_nothing_left(world);
}

TEST(an_abandoning_timeout, tells_a_breaker_inside_it_at_once)
{
    simulation world;
    circuit_breaker const breaker{trips_after(1)};
    pipeline const p{timeout{{.limit = 1s, .on_expiry = abandon}}, breaker};

    EXPECT_EQ(world.run(p.run(deaf_for_three_seconds, std::make_shared<int>(0))).error(), errc::timed_out);

    EXPECT_EQ(breaker.state(), circuit_state::open);
    expect_nothing_left(world);
}

TEST(an_abandoning_timeout, refuses_an_operation_that_may_refer_to_the_callers_frame)
{
    simulation world;
    pipeline const p{timeout{{.limit = 1s, .on_expiry = abandon}}};
    auto local = 0;

    auto const end = world.run(p.run([&]() -> asio::awaitable<int> { co_return ++local; }));

    EXPECT_EQ(end.error(), errc::operation_not_owned);
    EXPECT_EQ(end.error(), condition::rejected);
    EXPECT_NE(end.error(), condition::transient);
    EXPECT_EQ(end.report().policy, "timeout");
    EXPECT_EQ(local, 0);
}

TEST(an_abandoning_timeout, takes_the_users_word_for_what_an_operation_owns)
{
    simulation world;
    pipeline const p{timeout{{.limit = 1s, .on_expiry = abandon}}};
    scripted<int> op;
    op.takes(3s).ignoring_cancellation().returns(42);

    EXPECT_EQ(world.run(p.run(owning(op))).error(), errc::timed_out);
    EXPECT_EQ(op.running(), 1U);
    world.drain();
    EXPECT_EQ(op.running(), 0U);
}

TEST(an_abandoning_timeout, leaves_no_orphan_of_an_operation_that_unwinds_at_once)
{
    simulation world;
    scripted<int> op;
    op.hangs();
    bulkhead const compartment{{.max_concurrent = 1}};
    pipeline const p{timeout{{.limit = 1s, .on_expiry = abandon}}, compartment};

    EXPECT_EQ(world.run(p.run(owning(op))).error(), errc::timed_out);
    EXPECT_EQ(p.orphans(), 0U);
    EXPECT_EQ(compartment.snapshot().running, 0U);
    EXPECT_EQ(world.elapsed(), 1s);
}

asio::awaitable<int> deaf_answer(failure const& why)
{
    scripted<int> op;
    op.takes(3s).ignoring_cancellation().returns(why.code == reset() ? 7 : 0);
    co_return co_await op();
}

TEST(an_abandoning_timeout, may_leave_a_fallback_behind_that_still_looks_at_what_failed)
{
    simulation world;
    pipeline const p{timeout{{.limit = 1s, .on_expiry = abandon}}, fallback{deaf_answer}};
    scripted<int> op;
    op.fails(reset());

    EXPECT_EQ(world.run(p.run(owning(op))).error(), errc::timed_out);
    EXPECT_EQ(p.orphans(), 1U);
    world.drain();
    EXPECT_EQ(p.orphans(), 0U);
}

TEST(a_timeout_that_has_passed, lets_no_policy_further_in_be_asked)
{
    simulation world;
    auto const sink = std::make_shared<recorder>();
    rate_limiter const limiter{{.permits = 1, .per = 1h}};
    pipeline const p{{.sink = sink}, timeout{{.limit = 0s}}, limiter};
    scripted<int> op;
    op.returns(1);

    EXPECT_EQ(world.run(p.run(op)).error(), errc::timed_out);
    EXPECT_EQ(limiter.snapshot(world.clock().now()).available, 1);
    EXPECT_EQ(sink->lines(),
              std::vector<std::string>{
                  "event=timed_out pipeline=pipeline policy=timeout limit=0ns operation=not_started"});
}

asio::awaitable<int> hold(std::shared_ptr<int> token) { co_return *token; }

asio::awaitable<long> most_alive_during(pipeline p, std::shared_ptr<int> token)
{
    long most = 0;
    for (auto i = 0; i < 10'000; ++i) {
        (void)co_await p(hold, token);
        most = std::max(most, token.use_count());
    }
    co_return most;
}

TEST(a_loop_over_calls_that_never_suspend, does_not_pile_up_finished_attempts)
{
    simulation world;
    auto const token = std::make_shared<int>(1);

    // Here and in the loop.
    EXPECT_EQ(world.run(most_alive_during(pipeline{timeout{{.limit = 1s}}}, token)), 2);
}

TEST(a_timeout_with_grace, waits_a_little_longer_and_then_abandons)
{
    simulation world;
    auto const ended = std::make_shared<int>(0);
    pipeline const p{timeout{{.limit = 1s, .on_expiry = grace(500ms)}}};

    EXPECT_EQ(world.run(p.run(deaf_for_three_seconds, ended)).error(), errc::timed_out);
    EXPECT_EQ(world.elapsed(), 1500ms);
    EXPECT_EQ(p.orphans(), 1U);
    world.drain();
    EXPECT_EQ(*ended, 1);
}

TEST(a_timeout_with_grace, leaves_nothing_behind_when_the_operation_unwinds_in_time)
{
    simulation world;
    scripted<int> op;
    op.hangs();
    pipeline const p{timeout{{.limit = 1s, .on_expiry = grace(500ms)}}};

    EXPECT_EQ(world.run(p.run(owning(op))).error(), errc::timed_out);
    EXPECT_EQ(world.elapsed(), 1s);
    EXPECT_EQ(p.orphans(), 0U);
    expect_nothing_left(world);
}

TEST(an_impatient_outer_timeout, abandons_what_a_patient_inner_one_still_waits_for)
{
    simulation world;
    auto const ended = std::make_shared<int>(0);
    pipeline const p{timeout{{.name = "outer", .limit = 2s, .on_expiry = abandon}},
                     timeout{{.name = "inner", .limit = 1s}}};

    auto const end = world.run(p.run(deaf_for_three_seconds, ended));

    EXPECT_EQ(end.report().policy, "outer");
    EXPECT_EQ(world.elapsed(), 2s);
    world.drain();
    EXPECT_EQ(*ended, 1);
    expect_nothing_left(world);
}

TEST(an_impatient_inner_timeout, still_abandons_when_a_patient_outer_one_has_passed_first)
{
    simulation world;
    scripted<int> op;
    op.hangs().hangs().takes(20s).ignoring_cancellation().returns(1);
    pipeline const p{timeout{{.name = "total", .limit = 5s}}, retry{retry_every(0s, 3)},
                     timeout{{.name = "attempt", .limit = 2s, .on_expiry = abandon}}};

    auto const end = world.run(p.run(owning(op)));

    EXPECT_EQ(end.error(), errc::timed_out);
    EXPECT_EQ(end.report().policy, "total");
    EXPECT_EQ(world.elapsed(), 6s) << "the third attempt began at 4 s";
    EXPECT_EQ(p.orphans(), 1U);
    world.drain();
    EXPECT_EQ(p.orphans(), 0U);
}

TEST(two_timeouts_with_grace, keep_each_its_own_patience)
{
    simulation world;
    auto const ended = std::make_shared<int>(0);
    pipeline const p{timeout{{.name = "outer", .limit = 1000ms, .on_expiry = grace(200ms)}},
                     timeout{{.name = "inner", .limit = 500ms, .on_expiry = grace(1900ms)}}};

    auto const end = world.run(p.run(deaf_for_three_seconds, ended));

    EXPECT_EQ(end.report().policy, "outer");
    EXPECT_EQ(world.elapsed(), 1200ms);
    world.drain();
    EXPECT_EQ(*ended, 1);
}

TEST(two_timeouts_at_the_same_instant, are_as_impatient_as_the_less_patient)
{
    simulation world;
    auto const ended = std::make_shared<int>(0);
    pipeline const p{timeout{{.name = "outer", .limit = 1s}},
                     timeout{{.name = "inner", .limit = 1s, .on_expiry = abandon}}};

    auto const end = world.run(p.run(deaf_for_three_seconds, ended));

    EXPECT_EQ(end.report().policy, "outer");
    EXPECT_EQ(world.elapsed(), 1s);
    EXPECT_EQ(p.orphans(), 1U);
    world.drain();
    EXPECT_EQ(p.orphans(), 0U);
}

TEST(an_abandoning_timeout, abandons_also_when_the_calls_own_limit_passes_at_the_same_instant)
{
    simulation world;
    auto const ended = std::make_shared<int>(0);
    pipeline const p{timeout{{.limit = 1s, .on_expiry = abandon}}};
    auto const limited = p.with(overrides().limit(1s));

    auto const end = world.run(limited.run(deaf_for_three_seconds, ended));

    EXPECT_EQ(end.ended_by(), ended_by::deadline);
    EXPECT_EQ(world.elapsed(), 1s);
    world.drain();
    EXPECT_EQ(*ended, 1);
}

} // namespace
} // namespace keel
