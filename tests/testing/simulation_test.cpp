#include <keel/testing/simulation.hpp>

#include <keel/pipeline/pipeline.hpp>
#include <keel/testing/scripted.hpp>

#include <gtest/gtest.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using keel::testing::scripted;
using keel::testing::simulation;
using keel::testing::started;
using keel::testing::would_deadlock;

struct no_default
{
    explicit no_default(int v) : value(v) {}
    int value;
};

template <class T>
asio::awaitable<T> after(duration d, T value)
{
    if (d > duration::zero()) co_await sleep_for(d);
    co_return value;
}

asio::awaitable<std::unique_ptr<int>> box_after(duration d, int value)
{
    if (d > duration::zero()) co_await sleep_for(d);
    co_return std::make_unique<int>(value);
}

template <class T, class Exception>
asio::awaitable<T> fail_after(duration d, Exception e)
{
    if (d > duration::zero()) co_await sleep_for(d);
    throw e;
}

asio::awaitable<void> note_after(duration d, int name, std::vector<int>* log)
{
    co_await sleep_for(d);
    log->push_back(name);
}

// What comes out of run

TEST(simulation, hands_out_the_value_of_any_type)
{
    for (auto const d : {duration::zero(), duration(1h)}) {
        simulation sim;
        sim.run(sleep_for(d));
        EXPECT_EQ(sim.run(after(d, 42)), 42);
        EXPECT_EQ(sim.run(after(d, true)), true);
        EXPECT_EQ(sim.run(after(d, std::string("text"))), "text");
        EXPECT_EQ(sim.run(after(d, no_default(7))).value, 7);
        EXPECT_EQ(*sim.run(box_after(d, 9)), 9);
        EXPECT_EQ(sim.run(after(d, std::optional<int>())), std::nullopt);
        EXPECT_EQ(sim.elapsed(), 7 * d);
    }
}

template <class T>
void expect_that_every_error_comes_out(duration d)
{
    simulation sim;
    EXPECT_THROW(sim.run(fail_after<T>(d, std::out_of_range("no"))), std::out_of_range);
    EXPECT_THROW(sim.run(fail_after<T>(d, 42)), int);
    try {
        sim.run(fail_after<T>(d, boost::system::system_error(error_code(errc::timed_out))));
        FAIL() << "succeeded";
    } catch (boost::system::system_error const& e) {
        EXPECT_EQ(e.code(), errc::timed_out);
    }
}

TEST(simulation, hands_out_the_error_of_any_type)
{
    for (auto const d : {duration::zero(), duration(1h)}) {
        expect_that_every_error_comes_out<void>(d);
        expect_that_every_error_comes_out<int>(d);
        expect_that_every_error_comes_out<no_default>(d);
        expect_that_every_error_comes_out<std::unique_ptr<int>>(d);
    }
}

TEST(simulation, runs_one_coroutine_after_another_in_the_same_world)
{
    simulation sim;
    sim.run(sleep_for(1h));
    sim.run(sleep_for(2h));
    EXPECT_EQ(sim.elapsed(), 3h);
}

TEST(simulation, stops_when_the_coroutine_has_ended_and_not_later)
{
    simulation sim;
    std::vector<int> log;
    (void)sim.start(note_after(1s, 1, &log));
    (void)sim.start(note_after(3s, 3, &log));
    sim.run(sleep_for(2s));
    EXPECT_EQ(log, std::vector{1});
    EXPECT_EQ(sim.elapsed(), 2s);
    sim.drain();
    EXPECT_EQ(log, (std::vector{1, 3}));
}

// Deadlocks

asio::awaitable<void> wait_for_cancel_of(asio::steady_timer* timer)
{
    co_await timer->async_wait(asio::as_tuple(asio::deferred));
}

TEST(simulation, says_so_when_nothing_can_happen_any_more)
{
    simulation sim;
    EXPECT_THROW(sim.run(sleep_until(time_point::max())), would_deadlock);
    EXPECT_EQ(sim.elapsed(), 0s);
}

TEST(simulation, lets_everything_else_happen_before_it_says_so)
{
    simulation sim;
    std::vector<int> log;
    (void)sim.start(note_after(5s, 1, &log));
    EXPECT_THROW(sim.run(sleep_until(time_point::max())), would_deadlock);
    EXPECT_EQ(log, std::vector{1});
}

TEST(simulation, goes_on_working_after_a_deadlock)
{
    simulation sim;
    EXPECT_THROW(sim.run(sleep_until(time_point::max())), would_deadlock);
    EXPECT_EQ(sim.run(after(1s, 42)), 42);
}

TEST(simulation, what_it_gave_up_waiting_for_may_still_end)
{
    simulation sim;
    asio::steady_timer timer(sim.context(), asio::steady_timer::time_point::max());
    EXPECT_THROW(sim.run(wait_for_cancel_of(&timer)), would_deadlock);
    timer.cancel();
    sim.drain();
}

TEST(simulation, a_handler_that_throws_ends_the_run_and_not_the_coroutine)
{
    simulation sim;
    asio::post(sim.context(), [] { throw std::runtime_error("somebody else's mistake"); });
    EXPECT_THROW(sim.run(sleep_for(1s)), std::runtime_error);
    sim.drain();
    EXPECT_EQ(sim.elapsed(), 1s);
}

// Starting

TEST(simulation, a_started_coroutine_runs_to_its_first_wait)
{
    simulation sim;
    scripted<void> op;
    op.takes(1s).returns();
    auto const handle = sim.start(op());
    EXPECT_EQ(op.running(), 1u);
    EXPECT_FALSE(handle.done());
    sim.advance(1s);
    EXPECT_TRUE(handle.done());
    EXPECT_FALSE(handle.error());
}

TEST(simulation, a_started_coroutine_keeps_its_error_to_itself)
{
    simulation sim;
    auto const handle = sim.start(fail_after<void>(1s, std::out_of_range("no")));
    EXPECT_FALSE(handle.error());
    sim.drain();
    ASSERT_TRUE(handle.done());
    EXPECT_THROW(std::rethrow_exception(handle.error()), std::out_of_range);
}

TEST(simulation, cancelling_reaches_the_operation)
{
    simulation sim;
    scripted<void> op;
    op.hangs();
    auto const handle = sim.start(op());
    handle.cancel();
    sim.drain();
    EXPECT_TRUE(handle.done());
    EXPECT_EQ(op.cancelled(), 1u);
}

TEST(simulation, cancelling_what_has_ended_does_nothing)
{
    simulation sim;
    auto const at_once = sim.start(sleep_until(time_point{}));
    auto const later = sim.start(sleep_for(1s));
    sim.drain();
    for (auto const& handle : {at_once, later}) {
        handle.cancel();
        handle.cancel();
        sim.drain();
        EXPECT_TRUE(handle.done());
        EXPECT_FALSE(handle.error());
    }
}

// Letting time pass

TEST(simulation, advances_by_exactly_the_time_it_is_told)
{
    simulation sim;
    EXPECT_EQ(sim.elapsed(), 0s);
    std::vector<int> log;
    for (auto const s : {1, 2, 3}) (void)sim.start(note_after(std::chrono::seconds(s), s, &log));
    sim.advance(2s);
    EXPECT_EQ(log, (std::vector{1, 2}));
    EXPECT_EQ(sim.elapsed(), 2s);
    sim.advance(999ms);
    EXPECT_EQ(log.size(), 2u);
    sim.advance(1ms);
    EXPECT_EQ(log.size(), 3u);
    sim.advance(24h);
    EXPECT_EQ(sim.elapsed(), 24h + 3s);
}

TEST(simulation, advancing_by_nothing_or_less_only_lets_what_is_ready_happen)
{
    simulation sim;
    auto ran = 0;
    sim.advance(5s);
    for (auto const d : {duration::zero(), duration(-1s), duration::min()}) {
        asio::post(sim.context(), [&] { ++ran; });
        sim.advance(d);
        EXPECT_EQ(sim.elapsed(), 5s);
    }
    EXPECT_EQ(ran, 3);
}

asio::awaitable<void> start_others(std::vector<int>* log, int depth)
{
    co_await sleep_for(1s);
    log->push_back(depth);
    auto const executor = co_await asio::this_coro::executor;
    if (depth > 0) asio::co_spawn(executor, start_others(log, depth - 1), asio::detached);
}

TEST(simulation, drains_until_nothing_can_happen)
{
    simulation sim;
    std::vector<int> log;
    (void)sim.start(start_others(&log, 4));
    auto const for_ever = sim.start(sleep_until(time_point::max()));
    sim.drain();
    EXPECT_EQ(log, (std::vector{4, 3, 2, 1, 0}));
    EXPECT_EQ(sim.elapsed(), 5s);
    EXPECT_FALSE(for_ever.done());
    sim.drain();
    EXPECT_EQ(sim.elapsed(), 5s);
}

TEST(simulation, takes_one_handler_or_one_jump_at_a_time)
{
    simulation sim;
    std::vector<int> log;
    asio::post(sim.context(), [&] { log.push_back(1); });
    asio::post(sim.context(), [&] { log.push_back(2); });
    EXPECT_TRUE(sim.run_one());
    EXPECT_EQ(log, std::vector{1});
    EXPECT_TRUE(sim.run_one());
    EXPECT_EQ(log, (std::vector{1, 2}));
    EXPECT_FALSE(sim.run_one());

    (void)sim.start(note_after(3s, 3, &log));
    EXPECT_EQ(sim.elapsed(), 0s);
    EXPECT_TRUE(sim.run_one()) << "the jump";
    EXPECT_EQ(sim.elapsed(), 3s);
    EXPECT_EQ(log.size(), 2u) << "nothing has run yet";
    EXPECT_TRUE(sim.run_one());
    EXPECT_EQ(log, (std::vector{1, 2, 3}));
    while (sim.run_one()) {}
    EXPECT_EQ(sim.elapsed(), 3s);
}

TEST(simulation, does_not_jump_while_a_handler_is_ready)
{
    simulation sim;
    (void)sim.start(sleep_for(1s));
    auto ran = false;
    asio::post(sim.context(), [&] { ran = true; });
    EXPECT_TRUE(sim.run_one());
    EXPECT_TRUE(ran);
    EXPECT_EQ(sim.elapsed(), 0s);
}

// The end of the world

/// Counts the frames it lives in.
class resident
{
public:
    explicit resident(int* count) : count_(count) { ++*count_; }
    resident(resident const&) = delete;
    resident& operator=(resident const&) = delete;
    ~resident() { --*count_; }

private:
    int* count_;
};

asio::awaitable<void> nest(int depth, time_point until, int* frames)
{
    resident const here(frames);
    if (depth > 0)
        co_await nest(depth - 1, until, frames);
    else
        co_await sleep_until(until);
}

TEST(simulation, destroying_it_destroys_every_coroutine_in_it)
{
    auto frames = 0;
    simulation sim;
    auto const in_time = sim.start(nest(3, time_point{1h}, &frames));
    auto const never = sim.start(nest(3, time_point::max(), &frames));
    auto const ended = sim.start(nest(3, time_point{}, &frames));
    sim.advance(1s);
    asio::co_spawn(sim.context(), nest(3, time_point{}, &frames), asio::detached);
    EXPECT_EQ(frames, 8);
    EXPECT_THROW(
        {
            asio::post(sim.context(), [] { throw std::runtime_error("stop here"); });
            sim.run(nest(3, time_point::max(), &frames));
        },
        std::runtime_error);
    sim.destroy();
    EXPECT_EQ(frames, 0);
    EXPECT_TRUE(ended.done());
    EXPECT_FALSE(in_time.done());
    EXPECT_FALSE(never.done());
}

TEST(simulation, going_out_of_scope_destroys_every_coroutine_in_it)
{
    auto frames = 0;
    std::optional<started> handle;
    {
        simulation sim;
        handle = sim.start(nest(2, time_point::max(), &frames));
        EXPECT_EQ(frames, 3);
    }
    EXPECT_EQ(frames, 0);
    EXPECT_FALSE(handle->done());
    EXPECT_FALSE(handle->error());
}

TEST(simulation, a_handle_may_outlive_it_and_has_nothing_to_cancel_then)
{
    auto frames = 0;
    simulation sim;
    auto const sleeping = sim.start(nest(2, time_point{1h}, &frames));
    auto const for_ever = sim.start(nest(2, time_point::max(), &frames));
    auto const over = sim.start(nest(0, time_point{}, &frames));
    sim.advance(1s);
    sim.destroy();
    for (auto const& handle : {sleeping, for_ever, over}) handle.cancel();
    EXPECT_FALSE(sleeping.done());
    EXPECT_FALSE(for_ever.done());
    EXPECT_TRUE(over.done());
}

TEST(simulation, a_call_in_flight_gives_its_permit_back_as_the_world_ends)
{
    simulation sim;
    bulkhead const rooms({.max_concurrent = 1, .max_queue = 1});
    pipeline const guarded{rooms};
    scripted<void> op;
    op.hangs();
    (void)sim.start(guarded(op));
    (void)sim.start(guarded(op));
    EXPECT_EQ(rooms.snapshot().running, 1u);
    EXPECT_EQ(rooms.snapshot().waiting, 1u);
    sim.destroy();
    EXPECT_EQ(op.running(), 0u);
    EXPECT_EQ(rooms.snapshot().running, 0u);
    EXPECT_EQ(rooms.snapshot().waiting, 0u);
}

// Chance

/// When each attempt of a call with jittered back-off began.
std::vector<duration> attempts_of_a_jittered_call(simulation& sim)
{
    std::vector<duration> began;
    scripted<void> op;
    op.makes([&] {
        began.push_back(sim.elapsed());
        throw boost::system::system_error(error_code(asio::error::connection_reset));
    });
    pipeline const retrying{retry({.max_attempts = 6}, no_retry_budget)};
    EXPECT_THROW(sim.run(retrying(op)), boost::system::system_error);
    return began;
}

TEST(simulation, the_same_seed_gives_the_same_run)
{
    simulation one(5);
    simulation same(5);
    simulation other(6);
    auto const run = attempts_of_a_jittered_call(one);
    EXPECT_EQ(run.size(), 6u);
    EXPECT_EQ(attempts_of_a_jittered_call(same), run);
    EXPECT_NE(attempts_of_a_jittered_call(other), run);
}

TEST(simulation, has_a_seed_even_when_none_is_given)
{
    simulation one;
    simulation same;
    EXPECT_EQ(attempts_of_a_jittered_call(one), attempts_of_a_jittered_call(same));
}

} // namespace
