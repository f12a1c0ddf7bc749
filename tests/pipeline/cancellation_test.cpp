#include <keel/pipeline.hpp>

#include "support/calls.hpp"

namespace keel {
namespace {

/// A pipeline in which a call can be caught at every stage.
struct stages
{
    bulkhead compartment{{.max_concurrent = 1, .max_queue = 10}};
    rate_limiter limiter{{.permits = 10, .burst = 1, .max_wait = 10s}};
    retry_budget budget{{.kind = concurrency_share{}}};
    circuit_breaker breaker{trips_after(2)};
    pipeline p{timeout{{.limit = 1min}}, retry{retry_every(1s, 5), budget}, breaker, compartment, limiter};

    void expect_all_home(simulation& world) const
    {
        EXPECT_EQ(compartment.snapshot().running, 0U);
        EXPECT_EQ(compartment.snapshot().waiting, 0U);
        EXPECT_EQ(budget.snapshot(world.clock().now()).active_calls, 0U);
        EXPECT_EQ(budget.snapshot(world.clock().now()).active_retries, 0U);
        EXPECT_EQ(breaker.snapshot(world.clock().now()).consecutive_failures, 0U);
        expect_nothing_left(world);
    }
};

void expect_cancelled_by_caller(calls const& all, std::size_t number, duration at)
{
    ASSERT_TRUE(all.done(number));
    EXPECT_EQ(all.at(number).error, aborted());
    EXPECT_EQ(all.at(number).by, ended_by::caller);
    EXPECT_EQ(all.at(number).at, at);
}

TEST(a_caller_that_cancels, while_the_operation_runs)
{
    simulation world;
    stages s;
    calls all(world);
    scripted<int> op;
    op.hangs();
    all.start(s.p, op);
    world.advance(500ms);

    all.cancel(0);
    world.drain();

    expect_cancelled_by_caller(all, 0, 500ms);
    EXPECT_EQ(op.cancelled(), 1U);
    s.expect_all_home(world);
}

TEST(a_caller_that_cancels, while_an_operation_without_any_timeout_runs)
{
    simulation world;
    calls all(world);
    scripted<int> op;
    op.hangs();
    retry_budget const budget{{.kind = concurrency_share{}}};
    all.start(pipeline{retry{retry_every(1s, 5), budget}}, op);

    all.cancel(0);
    world.drain();

    expect_cancelled_by_caller(all, 0, 0s);
    EXPECT_EQ(op.started(), 1U) << "a cancelled call is not retried";
    EXPECT_EQ(budget.snapshot(world.clock().now()).active_calls, 0U);
}

TEST(a_caller_that_cancels, while_the_call_is_queued)
{
    simulation world;
    stages s;
    calls all(world);
    scripted<int> op;
    op.takes(5s).returns(1);
    all.start(s.p, op);
    all.start(s.p, op);
    EXPECT_EQ(s.compartment.snapshot().waiting, 1U);

    all.cancel(1);
    world.drain();

    expect_cancelled_by_caller(all, 1, 0s);
    EXPECT_TRUE(all.at(0).ok);
    EXPECT_EQ(op.started(), 1U);
    s.expect_all_home(world);
}

TEST(a_caller_that_cancels, while_the_call_waits_for_its_reserved_permit)
{
    simulation world;
    stages s;
    calls all(world);
    scripted<int> op;
    op.returns(1);
    all.start(s.p, op);
    all.start(s.p, op);
    EXPECT_EQ(s.limiter.snapshot(world.clock().now()).available, -1);

    all.cancel(1);
    world.clock().settle(world.context());

    expect_cancelled_by_caller(all, 1, 0s);
    EXPECT_EQ(s.limiter.snapshot(world.clock().now()).available, 0);
    s.expect_all_home(world);
}

TEST(a_caller_that_cancels, while_a_retry_backs_off)
{
    simulation world;
    stages s;
    calls all(world);
    scripted<int> op;
    op.fails(reset());
    all.start(s.p, op);
    world.advance(500ms);

    all.cancel(0);
    world.drain();

    expect_cancelled_by_caller(all, 0, 500ms);
    EXPECT_EQ(op.started(), 1U);
    EXPECT_EQ(s.compartment.snapshot().running, 0U);
    EXPECT_EQ(s.budget.snapshot(world.clock().now()).active_calls, 0U);
    expect_nothing_left(world);
}

asio::awaitable<int> seven()
{
    co_await sleep_for(10s);
    co_return 7;
}

TEST(a_caller_that_cancels, while_a_fallback_answers)
{
    simulation world;
    calls all(world);
    scripted<int> op;
    op.fails(reset());
    all.start(pipeline{timeout{{.limit = 1min}}, fallback{seven}}, op);
    world.advance(1s);

    all.cancel(0);
    world.drain();

    expect_cancelled_by_caller(all, 0, 1s);
    expect_nothing_left(world);
}

asio::awaitable<void> call_after_being_cancelled(pipeline p, scripted<int> op,
                                                 std::shared_ptr<error_code> seen)
{
    co_await asio::this_coro::throw_if_cancelled(false);
    while ((co_await asio::this_coro::cancellation_state).cancelled() == asio::cancellation_type::none)
        co_await asio::post(co_await asio::this_coro::executor, asio::deferred);
    co_await asio::this_coro::throw_if_cancelled(true);
    auto work = p.run(op);
    *seen = asio::error::in_progress;
    auto const end = co_await std::move(work);
    *seen = end.error();
}

TEST(a_caller_that_cancels, before_the_call_begins)
{
    simulation world;
    stages s;
    scripted<int> op;
    op.returns(1);
    auto const seen = std::make_shared<error_code>();
    // The coroutine spins on posts, so it is started by hand: `simulation::start` would never settle.
    asio::cancellation_signal signal;
    std::exception_ptr thrown;
    asio::co_spawn(world.context(), call_after_being_cancelled(s.p, op, seen),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) { thrown = e; }));
    world.context().restart();
    for (auto i = 0; i < 3; ++i) world.context().poll_one();
    signal.emit(asio::cancellation_type::terminal);
    world.drain();

    EXPECT_NE(thrown, nullptr) << "Asio itself ends the await before the call begins";
    EXPECT_EQ(op.started(), 0U);
    s.expect_all_home(world);
}

TEST(a_caller_that_cancels, gets_the_value_when_the_operation_gives_one_all_the_same)
{
    simulation world;
    stages s;
    calls all(world);
    scripted<int> op;
    op.takes(2s).ignoring_cancellation().returns(42);
    all.start(s.p, op);

    all.cancel(0);
    world.drain();

    EXPECT_TRUE(all.at(0).ok);
    EXPECT_EQ(all.at(0).at, 2s);
    s.expect_all_home(world);
}

TEST(a_caller_that_cancels, gets_the_operations_own_last_word)
{
    simulation world;
    calls all(world);
    scripted<int> op;
    op.takes(2s).ignoring_cancellation().fails(reset());
    all.start(pipeline{timeout{{.limit = 1min}}, retry{retry_every(1s, 3)}}, op);

    all.cancel(0);
    world.drain();

    EXPECT_EQ(all.at(0).error, reset()) << "unchanged";
    EXPECT_EQ(all.at(0).by, ended_by::caller);
    EXPECT_EQ(op.started(), 1U);
}

TEST(a_caller_that_cancels, after_the_timeout_changes_nothing)
{
    simulation world;
    calls all(world);
    scripted<int> op;
    op.takes(3s).ignoring_cancellation().fails(reset());
    all.start(pipeline{timeout{{.limit = 1s}}}, op);
    world.advance(2s);

    all.cancel(0);
    world.drain();

    EXPECT_EQ(all.at(0).error, errc::timed_out);
    EXPECT_EQ(all.at(0).by, ended_by::timeout);
}

TEST(a_caller_that_cancels, twice_is_like_once)
{
    simulation world;
    stages s;
    calls all(world);
    scripted<int> op;
    op.takes(5s).returns(1);
    for (auto i = 0; i < 3; ++i) all.start(s.p, op);

    for (std::size_t i = 0; i < 3; ++i) {
        all.cancel(i);
        all.cancel(i);
    }
    world.drain();

    for (std::size_t i = 0; i < 3; ++i) expect_cancelled_by_caller(all, i, 0s);
    s.expect_all_home(world);
}

// --- a caller that is cancelled by its own call, or while it unwinds
// ---------------------------------------------

asio::awaitable<int> cancels_its_caller(asio::cancellation_signal* signal)
{
    signal->emit(asio::cancellation_type::terminal);
    co_await sleep_for(10s);
    co_return 1;
}

asio::awaitable<void> note_end(pipeline p, asio::cancellation_signal* signal, std::shared_ptr<ended_by> by)
{
    auto const end = co_await p.run(cancels_its_caller, signal);
    *by = end.ended_by();
}

TEST(a_caller_that_cancels, from_within_the_operation_before_it_suspends)
{
    simulation world;
    asio::cancellation_signal signal;
    auto const by = std::make_shared<ended_by>(ended_by::operation);
    auto thrown = false;
    pipeline const p{timeout{{.limit = 1min}}};
    asio::co_spawn(
        world.context(), note_end(p, &signal, by),
        asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) { thrown = e != nullptr; }));
    world.drain();

    EXPECT_FALSE(thrown) << "run() gives an outcome";
    EXPECT_EQ(*by, ended_by::caller);
    EXPECT_EQ(world.elapsed(), 0s);
}

class cancelling_sink final : public telemetry::sink
{
public:
    void on(telemetry::event const&) override
    {
        if (signal) signal->emit(asio::cancellation_type::terminal);
    }
    asio::cancellation_signal* signal = nullptr;
};

asio::awaitable<void> retry_and_note(pipeline p, scripted<int> op, std::shared_ptr<ended_by> by)
{
    auto const end = co_await p.run(op);
    *by = end.ended_by();
}

TEST(a_caller_that_cancels, from_a_sink_right_before_the_pause_of_a_retry)
{
    simulation world;
    asio::cancellation_signal signal;
    auto const sink = std::make_shared<cancelling_sink>();
    auto const by = std::make_shared<ended_by>(ended_by::operation);
    auto thrown = false;
    scripted<int> op;
    op.fails(reset());
    pipeline const p{{.sink = sink}, retry{retry_every(10s, 3)}};
    sink->signal = &signal;
    asio::co_spawn(
        world.context(), retry_and_note(p, op, by),
        asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr e) { thrown = e != nullptr; }));
    world.drain();

    EXPECT_FALSE(thrown);
    EXPECT_EQ(*by, ended_by::caller);
    EXPECT_EQ(world.elapsed(), 0s);
    EXPECT_EQ(op.started(), 1U);
}

TEST(a_caller_that_cancels, while_a_timed_out_operation_unwinds_before_a_retry)
{
    simulation world;
    auto const sink = std::make_shared<recorder>();
    calls all(world);
    scripted<int> op;
    op.takes(3s).ignoring_cancellation().fails(reset());
    all.start(pipeline{{.sink = sink}, retry{retry_every(10s, 3)}, timeout{{.limit = 1s}}}, op);
    world.advance(2s);

    all.cancel(0);
    world.drain();

    EXPECT_EQ(all.at(0).error, errc::timed_out);
    EXPECT_EQ(all.at(0).at, 3s) << "no pause, no further attempt";
    EXPECT_EQ(op.started(), 1U);
    EXPECT_EQ(sink->count("retry_scheduled"), 0U);
}

TEST(an_operation, is_cancelled_once_however_many_limits_pass)
{
    simulation world;
    scripted<int> op;
    op.takes(10s).ignoring_cancellation().fails(reset());
    pipeline const p{timeout{{.limit = 3s}}, timeout{{.limit = 2s, .on_expiry = grace(30s)}},
                     timeout{{.limit = 1s}}};

    EXPECT_EQ(world.run(p.run(owning(op))).report().policy, "timeout");
    EXPECT_EQ(op.cancelled(), 1U);
}

TEST(a_pipeline_in_a_pipeline, unwinds_as_one_when_the_outer_one_times_out)
{
    simulation world;
    bulkhead const compartment{{.max_concurrent = 1}};
    pipeline const inner{timeout{{.limit = 1min}}, compartment, retry{retry_every(1s, 100)}};
    pipeline const outer{timeout{{.limit = 2500ms}}};
    scripted<int> op;
    op.fails(reset()).hangs();

    auto const end = world.run(outer.run([&] { return inner(op); }));

    EXPECT_EQ(end.error(), errc::timed_out);
    EXPECT_EQ(world.elapsed(), 2500ms);
    EXPECT_EQ(compartment.snapshot().running, 0U);
    expect_nothing_left(world);
}

} // namespace
} // namespace keel
