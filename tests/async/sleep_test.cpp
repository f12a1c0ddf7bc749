#include <keel/async/sleep.hpp>

#include <keel/async/detail/runtime.hpp>
#include <keel/core/error.hpp>
#include <keel/testing/simulation.hpp>

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using keel::testing::simulation;
using keel::testing::started;

/// The code of the system_error it holds.
error_code code_of(std::exception_ptr const& e)
{
    if (!e) return {};
    try {
        std::rethrow_exception(e);
    } catch (boost::system::system_error const& error) {
        return error.code();
    }
}

bool was_aborted(started const& s)
{
    return s.done() && code_of(s.error()) == asio::error::operation_aborted;
}

asio::awaitable<void> sleep_and_log(duration d, int name, std::vector<int>* log)
{
    co_await sleep_for(d);
    log->push_back(name);
}

asio::awaitable<duration> time_slept(duration d)
{
    auto const executor = co_await asio::this_coro::executor;
    auto const before = now(executor);
    co_await sleep_for(d);
    co_return now(executor) - before;
}

// How long

TEST(sleep, lasts_exactly_as_long_as_it_should_in_virtual_time)
{
    simulation sim;
    for (auto const d : {duration(1ns), duration(1ms), duration(3s), duration(24h)}) {
        auto const slept = sim.run(time_slept(d));
        EXPECT_EQ(slept, d);
    }
}

TEST(sleep, until_a_time_ends_at_that_time)
{
    simulation sim;
    sim.advance(10s);
    sim.run(sleep_until(time_point{15s}));
    EXPECT_EQ(sim.elapsed(), 15s);
}

asio::awaitable<void> pass_on_and_log(int name, std::vector<int>* log)
{
    co_await asio::post(asio::deferred);
    log->push_back(name);
}

TEST(sleep, for_no_time_or_less_still_lets_others_go_first)
{
    for (auto const d : {duration::zero(), duration(-1s), duration::min()}) {
        simulation sim;
        std::vector<int> log;
        (void)sim.start(sleep_for(1s));
        asio::co_spawn(sim.context(), sleep_and_log(d, 1, &log), asio::detached);
        asio::co_spawn(sim.context(), pass_on_and_log(2, &log), asio::detached);
        sim.drain();
        EXPECT_EQ(log, (std::vector{2, 1})) << d.count();
    }
}

TEST(sleep, until_a_time_that_has_passed_takes_no_time)
{
    simulation sim;
    sim.advance(10s);
    for (auto const at : {time_point{10s}, time_point{9s}, time_point{}, time_point::min()}) {
        sim.run(sleep_until(at));
        EXPECT_EQ(sim.elapsed(), 10s);
    }
}

TEST(sleep, until_the_end_of_time_ends_only_by_cancellation)
{
    simulation sim;
    auto const until_max = sim.start(sleep_until(time_point::max()));
    sim.advance(1h);
    auto const for_max = sim.start(sleep_for(duration::max()));
    EXPECT_EQ(sim.clock().armed(), 0u) << "there is nothing to wait for";
    sim.advance(24h * 365 * 100);
    EXPECT_FALSE(until_max.done());
    EXPECT_FALSE(for_max.done());
    until_max.cancel();
    for_max.cancel();
    sim.drain();
    EXPECT_TRUE(was_aborted(until_max));
    EXPECT_TRUE(was_aborted(for_max));
}

TEST(sleep, wakes_in_order_of_time_and_first_in_first_out_among_equals)
{
    simulation sim;
    std::vector<int> log;
    auto const times = {3s, 1s, 2s, 1s, 3s, 1s};
    auto name = 0;
    for (auto const t : times) (void)sim.start(sleep_and_log(t, name++, &log));
    sim.drain();
    EXPECT_EQ(log, (std::vector{1, 3, 5, 2, 0, 4}));
    EXPECT_EQ(sim.elapsed(), 3s);
}

// Cancelling

TEST(sleep, cancelled_it_ends_at_once_with_operation_aborted)
{
    simulation sim;
    auto const sleeper = sim.start(sleep_for(1h));
    sim.advance(10s);
    sleeper.cancel();
    EXPECT_FALSE(sleeper.done()) << "not inside the emit";
    sim.drain();
    EXPECT_TRUE(was_aborted(sleeper));
    EXPECT_EQ(sim.elapsed(), 10s);
    EXPECT_EQ(sim.clock().armed(), 0u) << "no deadline is left behind";
}

TEST(sleep, cancelled_twice_it_ends_once)
{
    simulation sim;
    auto const sleeper = sim.start(sleep_for(1h));
    sleeper.cancel();
    sleeper.cancel();
    sim.drain();
    EXPECT_TRUE(was_aborted(sleeper));
    sleeper.cancel();
    sim.drain();
}

asio::awaitable<void> sleep_open_to_every_cancellation(duration d)
{
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_await sleep_for(d);
}

TEST(sleep, obeys_partial_and_total_cancellation_where_they_are_let_in)
{
    for (auto const type : {asio::cancellation_type::partial, asio::cancellation_type::total}) {
        simulation sim;
        auto const open = sim.start(sleep_open_to_every_cancellation(1h));
        auto const by_default = sim.start(sleep_for(1h));
        open.cancel(type);
        by_default.cancel(type);
        sim.advance(0s);
        EXPECT_TRUE(was_aborted(open));
        EXPECT_FALSE(by_default.done());
    }
}

/// Ends one sleep by cancellation, then tries another in the same, cancelled, coroutine thread.
asio::awaitable<void> sleep_again_after_cancellation(bool throw_by_itself, std::vector<error_code>* ends)
{
    co_await asio::this_coro::throw_if_cancelled(throw_by_itself);
    for (auto i = 0; i < 2; ++i) {
        error_code end;
        try {
            co_await sleep_until(time_point::max());
        } catch (boost::system::system_error const& e) {
            end = e.code();
        }
        ends->push_back(end);
    }
}

TEST(sleep, cancelled_before_it_starts_it_does_not_start)
{
    for (auto const throw_by_itself : {true, false}) {
        simulation sim;
        std::vector<error_code> ends;
        auto const sleeper = sim.start(sleep_again_after_cancellation(throw_by_itself, &ends));
        sleeper.cancel();
        sim.drain();
        EXPECT_TRUE(sleeper.done()) << "it sleeps although it is cancelled";
        EXPECT_EQ(ends, std::vector<error_code>(2, asio::error::operation_aborted));
        EXPECT_EQ(sim.elapsed(), 0s);
    }
}

asio::awaitable<void> sleep_then_forgive_and_sleep(duration d)
{
    try {
        co_await sleep_for(1h);
    } catch (boost::system::system_error const&) { // what is meant to happen
    }
    co_await asio::this_coro::reset_cancellation_state();
    co_await sleep_for(d);
}

TEST(sleep, works_again_once_the_cancellation_has_been_reset)
{
    simulation sim;
    auto const sleeper = sim.start(sleep_then_forgive_and_sleep(5s));
    sleeper.cancel();
    sim.drain();
    EXPECT_TRUE(sleeper.done());
    EXPECT_FALSE(sleeper.error());
    EXPECT_EQ(sim.elapsed(), 5s);
}

asio::awaitable<void> sleep_then_cancel(duration d, std::optional<started> const* other)
{
    co_await sleep_for(d);
    (*other)->cancel();
}

TEST(sleep, cancelled_at_the_moment_it_ends_it_ends_one_way_or_the_other_and_once)
{
    simulation sim;
    std::optional<started> later;
    std::optional<started> earlier = sim.start(sleep_for(5s));
    auto const before = sim.start(sleep_then_cancel(5s, &earlier));
    auto const after = sim.start(sleep_then_cancel(5s, &later));
    later = sim.start(sleep_for(5s));
    sim.drain();
    EXPECT_TRUE(before.done() && after.done());
    EXPECT_TRUE(earlier->done());
    EXPECT_FALSE(earlier->error()) << "it had ended before it was cancelled";
    EXPECT_TRUE(was_aborted(*later)) << "its time had come, but it had not been told";
    EXPECT_EQ(sim.clock().armed(), 0u);
}

// The end of the context

asio::awaitable<void> hold_and_sleep(std::shared_ptr<int> held, time_point until)
{
    auto const kept = held;
    co_await sleep_until(until);
}

TEST(sleep, ends_with_its_context)
{
    auto const held = std::make_shared<int>(1);
    for (auto const at : {time_point{}, steady_now() + 1h, time_point::max()}) {
        auto context = std::make_unique<asio::io_context>(1);
        asio::co_spawn(*context, hold_and_sleep(held, at), asio::detached);
        context->poll_one();
        EXPECT_GT(held.use_count(), 1);
        context.reset();
        EXPECT_EQ(held.use_count(), 1) << "the frame has leaked";
    }
}

TEST(sleep, ends_with_its_context_even_after_it_was_cancelled)
{
    auto const held = std::make_shared<int>(1);
    simulation sim;
    auto const sleeper = sim.start(hold_and_sleep(held, time_point::max()));
    sleeper.cancel();
    sim.destroy();
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_FALSE(sleeper.done());
}

TEST(sleep, ends_with_a_context_of_strands)
{
    auto const held = std::make_shared<int>(1);
    auto context = std::make_unique<asio::io_context>(1);
    for (auto i = 0; i < 3; ++i)
        asio::co_spawn(asio::make_strand(context->get_executor()), hold_and_sleep(held, time_point::max()),
                       asio::detached);
    context->poll();
    EXPECT_EQ(held.use_count(), 7);
    context.reset();
    EXPECT_EQ(held.use_count(), 1);
}

// By the machine's clock

asio::awaitable<void> check_that_it_is_not_early(duration d, int* slept)
{
    auto const executor = co_await asio::this_coro::executor;
    auto const before = now(executor);
    co_await sleep_for(d);
    EXPECT_GE(now(executor), before + d);
    ++*slept;
}

TEST(sleep, is_never_short_by_the_machines_clock)
{
    asio::io_context context(1);
    auto slept = 0;
    for (auto i = -1; i < 20; ++i)
        asio::co_spawn(context, check_that_it_is_not_early(i * 200us, &slept), asio::detached);
    context.run();
    EXPECT_EQ(slept, 21);
}

TEST(sleep, works_on_a_thread_pool)
{
    asio::thread_pool pool(1);
    auto slept = 0;
    for (auto i = 0; i < 10; ++i)
        asio::co_spawn(pool, check_that_it_is_not_early(i * 100us, &slept), asio::detached);
    pool.join();
    EXPECT_EQ(slept, 10);
}

asio::awaitable<void> sleep_often(int times, int* slept)
{
    for (auto i = 0; i < times; ++i) {
        co_await sleep_for(std::chrono::microseconds(i % 5));
        ++*slept;
    }
}

TEST(sleep, works_on_strands_of_two_threads)
{
    asio::io_context context(2);
    int slept[4] = {};
    for (auto& count : slept) {
        auto const strand = asio::make_strand(context.get_executor());
        for (auto i = 0; i < 3; ++i) asio::co_spawn(strand, sleep_often(50, &count), asio::detached);
    }
    std::thread other([&] { context.run(); });
    context.run();
    other.join();
    for (auto const count : slept) EXPECT_EQ(count, 150);
}

// The time and the chance of a context

TEST(now, is_the_time_of_the_executors_context)
{
    simulation one;
    simulation other;
    one.advance(5s);
    EXPECT_EQ(now(one.context().get_executor()), time_point{5s});
    EXPECT_EQ(now(other.context().get_executor()), time_point{});
    EXPECT_EQ(now(asio::make_strand(one.context().get_executor())), time_point{5s});
}

std::vector<std::uint64_t> draws(asio::execution_context& context)
{
    std::vector<std::uint64_t> drawn;
    for (auto i = 0; i < 10; ++i) drawn.push_back(keel::detail::runtime::of(context).draw().numerator);
    return drawn;
}

TEST(seed, makes_every_draw_of_the_context_follow)
{
    asio::io_context context(1);
    seed(context, 1);
    auto const first = draws(context);
    EXPECT_NE(draws(context), first);
    seed(context, 1);
    EXPECT_EQ(draws(context), first);
    seed(context, 2);
    EXPECT_NE(draws(context), first);
}

} // namespace
