#include <keel/testing/scripted.hpp>

#include <keel/testing/simulation.hpp>

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using keel::testing::scripted;
using keel::testing::simulation;

asio::awaitable<void> use(scripted<void> op) { co_await op(); }

// What the script says

TEST(scripted, does_each_line_in_turn_and_the_last_for_ever)
{
    simulation sim;
    scripted<int> op;
    op.returns(1).fails(asio::error::connection_reset).returns(3);
    EXPECT_EQ(sim.run(op()), 1);
    EXPECT_THROW(sim.run(op()), boost::system::system_error);
    for (auto i = 0; i < 3; ++i) EXPECT_EQ(sim.run(op()), 3);
    EXPECT_EQ(op.started(), 5u);
}

TEST(scripted, fails_with_the_code_it_was_given)
{
    simulation sim;
    scripted<void> op;
    op.fails(errc::timed_out);
    try {
        sim.run(op());
        FAIL() << "succeeded";
    } catch (boost::system::system_error const& e) {
        EXPECT_EQ(e.code(), errc::timed_out);
    }
}

TEST(scripted, throws_the_exception_it_was_given)
{
    simulation sim;
    scripted<int> op;
    op.throws(std::out_of_range("seven")).throws(42);
    EXPECT_THROW(sim.run(op()), std::out_of_range);
    EXPECT_THROW(sim.run(op()), int);
}

TEST(scripted, makes_what_a_function_makes_even_what_can_only_be_moved)
{
    simulation sim;
    scripted<std::unique_ptr<int>> op;
    auto made = 0;
    op.makes([&] { return std::make_unique<int>(++made); });
    EXPECT_EQ(*sim.run(op()), 1);
    EXPECT_EQ(*sim.run(op()), 2);
}

TEST(scripted, returns_nothing_when_there_is_nothing_to_return)
{
    simulation sim;
    scripted<void> op;
    op.returns();
    sim.run(op());
    EXPECT_EQ(op.started(), 1u);
}

TEST(scripted, without_a_script_it_is_a_mistake_in_the_test)
{
    simulation sim;
    scripted<int> nothing;
    EXPECT_THROW(sim.run(nothing()), std::logic_error);
    scripted<int> unfinished;
    unfinished.takes(1s);
    EXPECT_THROW(sim.run(unfinished()), std::logic_error);
    EXPECT_EQ(unfinished.running(), 0u);
}

TEST(scripted, copies_share_the_script_and_the_counts)
{
    simulation sim;
    scripted<int> op;
    auto const copy = op;
    op.returns(1).returns(2);
    EXPECT_EQ(sim.run(copy()), 1);
    EXPECT_EQ(sim.run(op()), 2);
    EXPECT_EQ(copy.started(), 2u);
}

// How long it takes

TEST(scripted, takes_no_time_unless_it_says_so)
{
    simulation sim;
    scripted<int> op;
    op.returns(1).takes(5s).returns(2).returns(3);
    (void)sim.run(op());
    EXPECT_EQ(sim.elapsed(), 0s);
    EXPECT_EQ(sim.run(op()), 2);
    EXPECT_EQ(sim.elapsed(), 5s);
    (void)sim.run(op());
    EXPECT_EQ(sim.elapsed(), 5s) << "the time is that of one line";
}

TEST(scripted, takes_its_time_before_it_fails)
{
    simulation sim;
    scripted<int> op;
    op.takes(5s).fails(asio::error::connection_reset);
    EXPECT_THROW(sim.run(op()), boost::system::system_error);
    EXPECT_EQ(sim.elapsed(), 5s);
}

TEST(scripted, counts_those_that_run)
{
    simulation sim;
    scripted<void> op;
    op.takes(1s).returns().takes(3s).returns();
    auto const first = sim.start(use(op));
    auto const second = sim.start(use(op));
    EXPECT_EQ(op.running(), 2u);
    sim.advance(2s);
    EXPECT_TRUE(first.done());
    EXPECT_EQ(op.running(), 1u);
    sim.drain();
    EXPECT_TRUE(second.done());
    EXPECT_EQ(op.running(), 0u);
}

TEST(scripted, a_hanging_run_never_ends)
{
    simulation sim;
    scripted<void> op;
    op.hangs();
    EXPECT_THROW(sim.run(op()), keel::testing::would_deadlock);
    EXPECT_EQ(op.running(), 1u);
    sim.destroy();
    EXPECT_EQ(op.running(), 0u);
}

// When it is cancelled

error_code code_of(std::exception_ptr const& e)
{
    if (!e) return {};
    try {
        std::rethrow_exception(e);
    } catch (boost::system::system_error const& error) {
        return error.code();
    }
}

TEST(scripted, cancelled_it_ends_at_once_and_is_counted)
{
    simulation sim;
    scripted<void> op;
    op.takes(5s).returns().hangs();
    for (auto i = 0U; i < 2; ++i) {
        auto const running = sim.start(use(op));
        sim.advance(1s);
        running.cancel();
        sim.advance(0s);
        ASSERT_TRUE(running.done());
        EXPECT_EQ(code_of(running.error()), asio::error::operation_aborted);
        EXPECT_EQ(op.cancelled(), i + 1);
    }
    EXPECT_EQ(op.running(), 0u);
    EXPECT_EQ(sim.clock().armed(), 0u);
}

TEST(scripted, ignoring_cancellation_it_ends_as_it_would_have)
{
    simulation sim;
    scripted<void> op;
    op.takes(5s).ignoring_cancellation().returns();
    auto const running = sim.start(use(op));
    for (auto i = 0; i < 3; ++i) {
        running.cancel();
        sim.advance(1s);
    }
    EXPECT_FALSE(running.done());
    EXPECT_EQ(op.cancelled(), 3u);
    sim.advance(2s);
    EXPECT_TRUE(running.done());
    EXPECT_FALSE(running.error());
    EXPECT_EQ(sim.elapsed(), 5s);
}

TEST(scripted, only_the_lines_that_say_so_ignore_cancellation)
{
    simulation sim;
    scripted<void> op;
    op.takes(5s).ignoring_cancellation().returns().takes(5s).returns();
    auto const deaf = sim.start(use(op));
    auto const obedient = sim.start(use(op));
    deaf.cancel();
    obedient.cancel();
    sim.advance(0s);
    EXPECT_FALSE(deaf.done());
    EXPECT_TRUE(obedient.done());
    sim.drain();
    EXPECT_TRUE(deaf.done());
}

TEST(scripted, one_that_takes_no_time_cannot_be_cancelled)
{
    simulation sim;
    scripted<void> op;
    op.returns();
    auto const over = sim.start(use(op));
    over.cancel();
    EXPECT_TRUE(over.done());
    EXPECT_FALSE(over.error());
    EXPECT_EQ(op.cancelled(), 0u);
}

} // namespace
