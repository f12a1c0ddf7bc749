#include <keel/testing/virtual_time.hpp>

#include <keel/async/sleep.hpp>

#include "support/bell.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using keel::testing::virtual_time;
using times = std::vector<duration>;

class virtual_clock : public ::testing::Test
{
protected:
    /// Notes the time at which it rings.
    void ring_at(duration at)
    {
        bells_.push_back(std::make_unique<bell>(executor_, [this] { rung_.push_back(elapsed()); }));
        clock_.arm(*bells_.back(), time_point{at}, clock_.now());
    }

    duration elapsed() const { return clock_.now().time_since_epoch(); }
    bool step() { return clock_.step(context_); }
    void run_until(duration at) { clock_.run_until(context_, time_point{at}); }

    asio::io_context context_{1};
    asio::any_io_executor executor_ = context_.get_executor();
    virtual_time& clock_ = virtual_time::install(context_);
    std::vector<std::unique_ptr<bell>> bells_;
    times rung_;
};

TEST_F(virtual_clock, starts_at_nought_and_stands_still)
{
    EXPECT_EQ(clock_.now(), time_point{});
    ring_at(1s);
    clock_.settle(context_);
    clock_.settle(context_);
    EXPECT_EQ(clock_.now(), time_point{});
    EXPECT_TRUE(rung_.empty());
}

TEST_F(virtual_clock, cannot_be_installed_twice) { EXPECT_ANY_THROW(virtual_time::install(context_)); }

TEST_F(virtual_clock, settling_runs_everything_that_is_ready_and_what_that_makes_ready)
{
    auto ran = 0;
    asio::post(executor_, [&] {
        ++ran;
        asio::post(executor_, [&] { asio::post(executor_, [&] { ++ran; }); });
    });
    clock_.settle(context_);
    EXPECT_EQ(ran, 2);
    asio::post(executor_, [&] { ++ran; });
    clock_.settle(context_);
    EXPECT_EQ(ran, 3) << "a context that ran out of work is started again";
}

TEST_F(virtual_clock, a_step_jumps_to_the_next_deadline_and_rings_all_of_that_time)
{
    for (auto const at : {5s, 3s, 5s, 9s}) ring_at(at);
    EXPECT_TRUE(step());
    EXPECT_EQ(rung_, times{3s});
    EXPECT_TRUE(step());
    EXPECT_EQ(rung_, (times{3s, 5s, 5s}));
    EXPECT_TRUE(step());
    EXPECT_EQ(elapsed(), 9s);
    EXPECT_FALSE(step());
    EXPECT_EQ(elapsed(), 9s);
}

TEST_F(virtual_clock, a_step_lets_what_is_ready_go_first)
{
    asio::post(executor_, [&] { ring_at(1s); });
    ring_at(2s);
    EXPECT_TRUE(step());
    EXPECT_EQ(rung_, times{1s});
}

TEST_F(virtual_clock, running_until_a_time_includes_it_and_ends_there)
{
    for (auto const at : {1s, 4s, 6s}) ring_at(at);
    run_until(4s);
    EXPECT_EQ(rung_, (times{1s, 4s}));
    EXPECT_EQ(elapsed(), 4s);
    run_until(5s);
    EXPECT_EQ(rung_.size(), 2u);
    EXPECT_EQ(elapsed(), 5s);
    run_until(1h);
    EXPECT_EQ(rung_, (times{1s, 4s, 6s}));
    EXPECT_EQ(elapsed(), 1h);
}

TEST_F(virtual_clock, running_until_a_time_serves_what_is_armed_on_the_way)
{
    bell chain(executor_, [&] {
        rung_.push_back(elapsed());
        clock_.arm(chain, clock_.now() + 1s, clock_.now());
    });
    clock_.arm(chain, time_point{1s}, clock_.now());
    run_until(3500ms);
    EXPECT_EQ(rung_, (times{1s, 2s, 3s}));
    EXPECT_EQ(elapsed(), 3500ms);
    clock_.disarm(chain);
}

TEST_F(virtual_clock, never_goes_back)
{
    run_until(10s);
    run_until(3s);
    EXPECT_EQ(elapsed(), 10s);
    ring_at(2s);
    EXPECT_TRUE(step());
    EXPECT_EQ(rung_, times{10s}) << "a deadline that has passed rings now";
    EXPECT_EQ(elapsed(), 10s);
}

TEST_F(virtual_clock, a_deadline_at_the_end_of_time_never_rings)
{
    bell never(executor_, [] { FAIL() << "the end of time"; });
    clock_.arm(never, time_point::max(), clock_.now());
    EXPECT_FALSE(step());
    EXPECT_EQ(elapsed(), 0s);
    clock_.run_until(context_, time_point::max());
    EXPECT_EQ(clock_.armed(), 1u);
    clock_.disarm(never);
}

TEST_F(virtual_clock, what_a_handler_throws_comes_out_and_nothing_is_lost)
{
    bell broken(executor_, [] { throw std::runtime_error("no"); });
    clock_.arm(broken, time_point{1s}, clock_.now());
    ring_at(1s);
    ring_at(2s);
    EXPECT_THROW(step(), std::runtime_error);
    EXPECT_TRUE(step());
    EXPECT_EQ(rung_, (times{1s, 2s}));
}

TEST_F(virtual_clock, ninety_years_pass_at_once)
{
    for (auto year = 1; year <= 90; ++year) ring_at(24h * 365 * year);
    while (step()) {}
    EXPECT_EQ(rung_.size(), 90u);
    EXPECT_EQ(elapsed(), 24h * 365 * 90);
}

} // namespace
