#include <keel/async/detail/parking.hpp>

#include <keel/testing/simulation.hpp>

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using keel::detail::parking;
using keel::detail::runtime;
using keel::testing::simulation;

/// A wait that notes what happens to it and ends only when it is told to.
class place final : public parking
{
public:
    place(asio::any_io_executor const& on, int& drops) : parking(on, runtime::of(on)), drops_(drops) {}

    using parking::arm;
    using parking::supervised;

    int cancels = 0;

private:
    void reached() override { resume(); }
    void cancelled() override { ++cancels; }
    void dropped() noexcept override { ++drops_; }

    int& drops_;
};

/// What a test knows of a coroutine that waits in a place.
struct watcher
{
    place* where = nullptr; ///< While it waits.
    int resumed = 0;
    int cancels = 0;
    int drops = 0;
    std::shared_ptr<int> held = std::make_shared<int>(1);

    bool frame_is_alive() const { return held.use_count() > 1; }
};

asio::awaitable<void> wait(watcher* w, duration limit = duration::max(), bool supervised = false)
{
    auto const held = w->held;
    auto const executor = co_await asio::this_coro::executor;
    auto const state = co_await asio::this_coro::cancellation_state;
    place here(executor, w->drops);
    here.listen(state.slot());
    here.supervised(supervised);
    w->where = &here;
    if (limit != duration::max()) {
        auto& time = here.context().time();
        here.arm(time.now() + limit, time.now());
    }
    co_await here.async_park(asio::deferred);
    w->where = nullptr;
    w->cancels = here.cancels;
    ++w->resumed;
}

TEST(parking, resume_continues_the_coroutine_inside_the_call)
{
    simulation sim;
    watcher w;
    auto const waiting = sim.start(wait(&w));
    ASSERT_TRUE(w.where);
    EXPECT_EQ(w.resumed, 0);
    w.where->resume();
    EXPECT_EQ(w.resumed, 1);
    sim.drain();
    EXPECT_TRUE(waiting.done());
    EXPECT_FALSE(waiting.error());
}

TEST(parking, wake_continues_it_later)
{
    simulation sim;
    watcher w;
    (void)sim.start(wait(&w));
    w.where->wake();
    EXPECT_EQ(w.resumed, 0);
    sim.drain();
    EXPECT_EQ(w.resumed, 1);
}

TEST(parking, wake_may_come_from_another_thread)
{
    asio::io_context context(1);
    watcher w;
    asio::co_spawn(context, wait(&w), asio::detached);
    context.poll();
    std::thread other([where = w.where] { where->wake(); });
    context.run();
    other.join();
    EXPECT_EQ(w.resumed, 1);
}

TEST(parking, a_deadline_ends_the_wait_and_resuming_disarms_it)
{
    simulation sim;
    watcher slow;
    watcher quick;
    (void)sim.start(wait(&slow, 5s));
    (void)sim.start(wait(&quick, 5s));
    EXPECT_EQ(sim.clock().armed(), 2u);
    quick.where->resume();
    EXPECT_EQ(sim.clock().armed(), 1u);
    sim.drain();
    EXPECT_EQ(sim.elapsed(), 5s);
    EXPECT_EQ(slow.resumed, 1);
    EXPECT_EQ(quick.resumed, 1);
}

asio::awaitable<void> wait_with_a_limit_then_without(watcher* w, duration limit)
{
    auto const executor = co_await asio::this_coro::executor;
    place here(executor, w->drops);
    auto& time = here.context().time();
    w->where = &here;
    here.arm(time.now() + limit, time.now());
    co_await here.async_park(asio::deferred);
    ++w->resumed;
    co_await here.async_park(asio::deferred);
    ++w->resumed;
}

TEST(parking, the_deadline_of_one_wait_does_not_end_the_next)
{
    simulation sim;
    watcher w;
    (void)sim.start(wait_with_a_limit_then_without(&w, 5s));
    w.where->resume();
    EXPECT_EQ(sim.clock().armed(), 0u);
    sim.advance(10s);
    EXPECT_EQ(w.resumed, 1);
    w.where->resume();
    EXPECT_EQ(w.resumed, 2);
}

TEST(parking, being_cancelled_is_the_business_of_the_derived_class)
{
    simulation sim;
    watcher w;
    auto const waiting = sim.start(wait(&w));
    waiting.cancel();
    waiting.cancel();
    sim.drain();
    EXPECT_EQ(w.where->cancels, 2);
    EXPECT_EQ(w.resumed, 0);
    w.where->resume();
    EXPECT_EQ(w.resumed, 1);
}

TEST(parking, a_cancellation_of_no_type_is_none)
{
    simulation sim;
    watcher w;
    auto const waiting = sim.start(wait(&w));
    waiting.cancel(asio::cancellation_type::none);
    EXPECT_EQ(w.where->cancels, 0);
}

TEST(parking, once_resumed_it_hears_of_no_cancellation)
{
    simulation sim;
    watcher w;
    auto const waiting = sim.start(wait(&w));
    w.where->resume();
    waiting.cancel();
    sim.drain();
    EXPECT_EQ(w.cancels, 0);
    EXPECT_TRUE(waiting.done());
}

TEST(parking, drop_ends_the_coroutine_without_continuing_it)
{
    simulation sim;
    watcher w;
    auto const waiting = sim.start(wait(&w, 5s));
    EXPECT_TRUE(w.frame_is_alive());
    w.where->drop();
    EXPECT_EQ(w.drops, 1);
    sim.drain();
    EXPECT_FALSE(w.frame_is_alive());
    EXPECT_EQ(w.resumed, 0);
    EXPECT_FALSE(waiting.done());
    EXPECT_EQ(sim.clock().armed(), 0u);
    EXPECT_EQ(sim.elapsed(), 0s);
}

TEST(parking, once_dropped_it_hears_of_no_cancellation_and_no_deadline)
{
    simulation sim;
    watcher w;
    auto const waiting = sim.start(wait(&w, duration::zero()));
    auto* const here = w.where;
    here->drop();
    waiting.cancel();
    EXPECT_TRUE(w.frame_is_alive()) << "its executor has not destroyed it yet";
    EXPECT_EQ(here->cancels, 0);
    sim.drain();
    EXPECT_EQ(w.resumed, 0);
}

TEST(parking, the_end_of_the_context_ends_those_that_still_wait)
{
    simulation sim;
    std::vector<watcher> all(5);
    for (auto& w : all) (void)sim.start(wait(&w));
    all[2].where->resume();
    all[0].where->wake();
    sim.destroy();
    for (auto const& w : all) EXPECT_FALSE(w.frame_is_alive());
    EXPECT_EQ(all[0].resumed, 0) << "woken, but there was no time left";
    EXPECT_EQ(all[2].resumed, 1);
    EXPECT_EQ(all[2].drops, 0);
    EXPECT_EQ(all[4].drops, 1);
}

TEST(parking, a_supervised_wait_is_left_to_its_supervisor)
{
    simulation sim;
    watcher w;
    (void)sim.start(wait(&w, duration::max(), true));
    w.where->drop();
    sim.destroy();
    EXPECT_FALSE(w.frame_is_alive());
}

} // namespace
