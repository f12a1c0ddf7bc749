#include <keel/async/time_source.hpp>

#include <keel/async/sleep.hpp>
#include <keel/testing/virtual_time.hpp>

#include "support/bell.hpp"
#include "support/refusing_executor.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using keel::testing::virtual_time;

/// Far longer than any of these tests takes, and short enough to see one that hangs.
constexpr auto safety_net = 60s;

/// A context of one thread and its machine-clock time source.
class real_time : public ::testing::Test
{
protected:
    /// Runs the context until nothing is left to do. False: it would have gone on after the safety net.
    bool run()
    {
        context_.restart();
        context_.run_for(safety_net);
        return context_.stopped();
    }

    asio::io_context context_{1};
    asio::any_io_executor executor_ = context_.get_executor();
    time_source& source_ = asio::use_service<time_source>(context_);
};

// Which clock it is

/// A time source that a user might write.
class frozen_time final : public time_source
{
public:
    using time_source::time_source;

    time_point now() const noexcept override { return time_point{42h}; }

private:
    void earliest_moved(time_point) override {}
};

TEST(time_source, a_derived_service_takes_its_place)
{
    asio::io_context context(1);
    auto& frozen = asio::make_service<frozen_time>(context);
    EXPECT_EQ(&asio::use_service<time_source>(context), &frozen);
    EXPECT_EQ(keel::now(context.get_executor()), time_point{42h}) << "everything of Keel must see it";
}

TEST(time_source, virtual_time_takes_its_place)
{
    asio::io_context context(1);
    auto& clock = virtual_time::install(context);
    EXPECT_EQ(&asio::use_service<time_source>(context), &clock);
    clock.run_until(context, time_point{7h});
    EXPECT_EQ(keel::now(context.get_executor()), time_point{7h});
}

TEST(time_source, a_replacement_sets_no_timer_of_the_machine)
{
    asio::io_context context(1);
    asio::any_io_executor const executor = context.get_executor();
    auto& frozen = asio::make_service<frozen_time>(context);
    bell never(executor, [] { FAIL() << "time stands still"; });
    frozen.arm(never, time_point{42h}, time_point{42h});
    EXPECT_EQ(context.poll(), 0u);
    EXPECT_TRUE(context.stopped()) << "nothing is pending in the context";
    frozen.disarm(never);
}

TEST(time_source, cannot_be_replaced_once_it_is_in_use)
{
    asio::io_context context(1);
    (void)keel::now(context.get_executor());
    EXPECT_THROW(asio::make_service<frozen_time>(context), asio::service_already_exists);
    EXPECT_THROW(virtual_time::install(context), asio::service_already_exists);
}

TEST_F(real_time, is_the_monotonic_clock_of_the_machine)
{
    auto const before = steady_now();
    auto const seen = source_.now();
    auto const after = steady_now();
    EXPECT_LE(before, seen);
    EXPECT_LE(seen, after);
}

// When deadlines fire

TEST_F(real_time, is_never_early)
{
    std::mt19937 random(3);
    std::vector<std::unique_ptr<bell>> bells;
    auto rung = 0;
    for (auto i = 0; i < 100; ++i) {
        auto const now = source_.now();
        auto const due = now + std::chrono::microseconds(random() % 20'000);
        bells.push_back(std::make_unique<bell>(executor_, [&, due] {
            EXPECT_GE(source_.now(), due);
            ++rung;
        }));
        source_.arm(*bells.back(), due, now);
    }
    EXPECT_TRUE(run());
    EXPECT_EQ(rung, 100);
    EXPECT_EQ(source_.armed(), 0u);
}

TEST_F(real_time, rings_in_order_of_time_and_first_in_first_out_among_equals)
{
    std::mt19937 random(5);
    auto const now = source_.now();
    std::multimap<time_point, std::size_t> expected;
    std::vector<std::size_t> rung;
    std::vector<std::unique_ptr<bell>> bells;
    for (std::size_t i = 0; i < 200; ++i) {
        auto const due = now + std::chrono::microseconds(100 * (random() % 30));
        expected.emplace(due, i);
        bells.push_back(std::make_unique<bell>(executor_, [&, i] { rung.push_back(i); }));
        source_.arm(*bells.back(), due, now);
    }
    EXPECT_TRUE(run());
    std::vector<std::size_t> in_order;
    for (auto const& [due, i] : expected) in_order.push_back(i);
    EXPECT_EQ(rung, in_order);
}

TEST_F(real_time, a_deadline_that_has_passed_rings_soon_but_not_while_it_is_armed)
{
    auto rung = 0;
    bell past(executor_, [&] { ++rung; });
    source_.arm(past, time_point::min(), source_.now());
    EXPECT_EQ(rung, 0);
    EXPECT_EQ(source_.armed(), 1u);
    EXPECT_TRUE(run());
    EXPECT_EQ(rung, 1);
}

TEST_F(real_time, may_be_armed_again_as_it_rings)
{
    auto rung = 0;
    std::optional<bell> again;
    again.emplace(executor_, [&] {
        auto const now = source_.now();
        if (++rung < 50) source_.arm(*again, now + 10us, now);
    });
    source_.arm(*again, source_.now(), source_.now());
    EXPECT_TRUE(run());
    EXPECT_EQ(rung, 50);
}

TEST_F(real_time, an_earlier_deadline_does_not_wait_for_a_later_one)
{
    bell tomorrow(executor_, [] { FAIL() << "rang a day early"; });
    bell soon(executor_, [&] { source_.disarm(tomorrow); });
    source_.arm(tomorrow, source_.now() + 24h, source_.now());
    source_.arm(soon, source_.now() + 1ms, source_.now());
    EXPECT_TRUE(run());
}

// Disarming

TEST_F(real_time, a_disarmed_deadline_does_not_ring)
{
    bell silent(executor_, [] { FAIL() << "it was disarmed"; });
    auto rung = 0;
    bell other(executor_, [&] { ++rung; });
    source_.arm(silent, source_.now(), source_.now());
    source_.arm(other, source_.now() + 1ms, source_.now());
    EXPECT_EQ(source_.armed(), 2u);
    source_.disarm(silent);
    EXPECT_EQ(source_.armed(), 1u);
    EXPECT_TRUE(run());
    EXPECT_EQ(rung, 1);
}

TEST_F(real_time, disarming_what_is_not_armed_does_nothing)
{
    auto rung = 0;
    bell b(executor_, [&] { ++rung; });
    source_.disarm(b);
    source_.arm(b, source_.now(), source_.now());
    EXPECT_TRUE(run());
    source_.disarm(b);
    source_.disarm(b);
    EXPECT_EQ(rung, 1);
    EXPECT_EQ(source_.armed(), 0u);
}

TEST_F(real_time, what_has_fired_can_be_disarmed_until_it_is_delivered)
{
    bell second(executor_, [] { FAIL() << "it was disarmed before it was delivered"; });
    auto rung = 0;
    bell first(executor_, [&] {
        ++rung;
        EXPECT_EQ(source_.armed(), 1u) << "the second has fired with this one, and is on its way";
        source_.disarm(second);
        EXPECT_EQ(source_.armed(), 0u);
    });
    auto const now = source_.now();
    source_.arm(first, now, now);
    source_.arm(second, now, now);
    EXPECT_TRUE(run());
    EXPECT_EQ(rung, 1);
}

TEST_F(real_time, disarmed_before_delivery_and_armed_again_it_rings_once_at_the_new_time)
{
    std::vector<int> rung;
    bell second(executor_, [&] { rung.push_back(2); });
    bell third(executor_, [&] { rung.push_back(3); });
    bell first(executor_, [&] {
        rung.push_back(1);
        source_.disarm(second);
        source_.arm(second, source_.now() + 1ms, source_.now());
    });
    auto const now = source_.now();
    for (auto* const each : {&first, &second, &third}) source_.arm(*each, now, now);
    EXPECT_TRUE(run());
    EXPECT_EQ(rung, (std::vector{1, 3, 2}));
}

// The alarm

/// Tells real time, and counts how often it is asked about the alarm.
class attentive_time final : public time_source
{
public:
    using time_source::time_source;

    int looks = 0;

private:
    void earliest_moved(time_point now) override
    {
        ++looks;
        time_source::earliest_moved(now);
    }
};

TEST(time_source, looks_at_the_alarm_only_when_a_deadline_is_due_before_it)
{
    asio::io_context context(1);
    asio::any_io_executor const executor = context.get_executor();
    auto& source = asio::make_service<attentive_time>(context);
    std::deque<bell> bells;
    auto const now = source.now();
    auto const arm = [&](duration in) -> bell& {
        bells.emplace_back(executor, [] {});
        source.arm(bells.back(), now + in, now);
        return bells.back();
    };
    for (auto i = 0; i < 1000; ++i) arm(30s + i % 3 * 1s);
    EXPECT_EQ(source.looks, 1);
    auto& soon = arm(1ms);
    EXPECT_EQ(source.looks, 2);
    source.disarm(soon);
    arm(2ms);
    EXPECT_EQ(source.looks, 2) << "the alarm stays where it was";
    for (auto& each : bells) source.disarm(each);
    arm(30s);
    EXPECT_EQ(source.looks, 2);
    source.disarm(bells.back());
    EXPECT_EQ(source.armed(), 0u);
}

// No memory for the post

TEST_F(real_time, what_cannot_be_posted_rings_later_and_in_its_turn)
{
    auto refusals = 0;
    asio::any_io_executor const short_of_memory = refusing_executor(context_.get_executor(), &refusals);
    std::vector<int> rung;
    std::deque<bell> bells;
    auto const now = source_.now();
    for (auto i = 0; i < 4; ++i) {
        bells.emplace_back(short_of_memory, [&rung, i] { rung.push_back(i); });
        source_.arm(bells.back(), now, now);
    }
    refusals = 2;
    EXPECT_THROW(run(), std::bad_alloc);
    EXPECT_THROW(run(), std::bad_alloc);
    EXPECT_EQ(source_.armed(), 4u);
    EXPECT_TRUE(run());
    EXPECT_EQ(rung, (std::vector{0, 1, 2, 3}));
    EXPECT_EQ(source_.armed(), 0u);
}

TEST_F(real_time, what_cannot_be_posted_rings_later_though_nothing_else_is_armed)
{
    auto refusals = 1;
    asio::any_io_executor const short_of_memory = refusing_executor(context_.get_executor(), &refusals);
    auto rung = 0;
    bell only(short_of_memory, [&] { ++rung; });
    source_.arm(only, source_.now(), source_.now());
    EXPECT_THROW(run(), std::bad_alloc);
    EXPECT_TRUE(run());
    EXPECT_EQ(rung, 1);
}

TEST_F(real_time, what_could_not_be_posted_can_be_disarmed)
{
    auto refusals = 1;
    asio::any_io_executor const short_of_memory = refusing_executor(context_.get_executor(), &refusals);
    auto rung = 0;
    bell first(short_of_memory, [] { FAIL() << "it was disarmed"; });
    bell second(short_of_memory, [&] { ++rung; });
    auto const now = source_.now();
    for (auto* const each : {&first, &second}) source_.arm(*each, now, now);
    EXPECT_THROW(run(), std::bad_alloc);
    source_.disarm(first);
    EXPECT_TRUE(run());
    EXPECT_EQ(rung, 1);
}

// The context is not held up

TEST_F(real_time, run_returns_when_a_far_deadline_has_been_disarmed)
{
    bell tomorrow(executor_, [] { FAIL() << "rang a day early"; });
    source_.arm(tomorrow, source_.now() + 24h, source_.now());
    asio::post(executor_, [&] { source_.disarm(tomorrow); });
    EXPECT_TRUE(run());
}

TEST_F(real_time, run_returns_when_all_that_is_armed_is_never_due)
{
    bell never(executor_, [] { FAIL() << "rang at the end of time"; });
    source_.arm(never, time_point::max(), source_.now());
    EXPECT_TRUE(run());
    EXPECT_EQ(source_.armed(), 1u);
    source_.disarm(never);
}

/// Makes the alarm fire so often that it is set as far ahead as it ever is.
TEST_F(real_time, run_returns_even_when_the_alarm_was_set_far_ahead)
{
    bell tomorrow(executor_, [] { FAIL() << "rang a day early"; });
    auto rung = 0;
    std::optional<bell> often;
    often.emplace(executor_, [&] {
        if (++rung < 30)
            source_.arm(*often, source_.now(), source_.now());
        else
            source_.disarm(tomorrow);
    });
    for (auto round = 0; round < 3; ++round) {
        rung = 0;
        source_.arm(tomorrow, source_.now() + 24h, source_.now());
        source_.arm(*often, source_.now(), source_.now());
        ASSERT_TRUE(run()) << "the alarm holds the context up";
        EXPECT_EQ(rung, 30);
    }
}

TEST_F(real_time, run_returns_to_a_thread_that_is_asleep_when_another_disarms_the_last)
{
    bell tomorrow(executor_, [] { FAIL() << "rang a day early"; });
    auto rung = 0;
    std::promise<void> far_ahead;
    std::optional<bell> often;
    often.emplace(executor_, [&] {
        if (++rung < 30)
            source_.arm(*often, source_.now(), source_.now());
        else
            far_ahead.set_value();
    });
    source_.arm(tomorrow, source_.now() + 24h, source_.now());
    source_.arm(*often, source_.now(), source_.now());
    auto runner = std::async(std::launch::async, [&] { context_.run(); });
    far_ahead.get_future().wait();
    asio::post(executor_, [&] { source_.disarm(tomorrow); });
    EXPECT_EQ(runner.wait_for(safety_net), std::future_status::ready);
    context_.stop();
}

// The end of the context

TEST(time_source, a_context_may_end_with_deadlines_armed)
{
    for (auto const ever_run : {false, true}) {
        auto context = std::make_unique<asio::io_context>(1);
        asio::any_io_executor const executor = context->get_executor();
        auto& source = asio::use_service<time_source>(*context);
        bell soon(executor, [] { FAIL() << "there is no context any more"; });
        bell later(executor, [] { FAIL() << "there is no context any more"; });
        source.arm(later, source.now() + 1h, source.now());
        source.arm(soon, source.now() + 1min, source.now());
        if (ever_run) context->poll();
        context.reset();
    }
}

TEST(time_source, a_context_may_end_with_deadlines_fired_but_not_delivered)
{
    auto context = std::make_unique<asio::io_context>(1);
    asio::any_io_executor const executor = context->get_executor();
    auto& source = asio::use_service<time_source>(*context);
    auto rung = 0;
    bell first(executor, [&] {
        ++rung;
        context->stop();
    });
    bell second(executor, [&] { ++rung; });
    auto const now = source.now();
    source.arm(first, now, now);
    source.arm(second, now, now);
    context->run();
    EXPECT_EQ(source.armed(), 1u);
    context.reset();
    EXPECT_EQ(rung, 1);
}

/// What a coroutine frame does that is destroyed with its context.
class parting
{
public:
    explicit parting(std::function<void()> then) : then_(std::move(then)) {}
    ~parting() { then_(); }

private:
    std::function<void()> then_;
};

TEST(time_source, what_is_armed_while_the_context_ends_never_rings_and_does_no_harm)
{
    for (auto const armed_before : {false, true}) {
        auto context = std::make_unique<asio::io_context>(1);
        asio::any_io_executor const executor = context->get_executor();
        auto& source = asio::use_service<time_source>(*context);
        bell earlier(executor, [] { FAIL() << "there is no context any more"; });
        bell late(executor, [] { FAIL() << "there is no context any more"; });
        bell gone(executor, [] { FAIL() << "there is no context any more"; });
        auto ended = false;
        auto last_words = std::make_unique<parting>([&] {
            auto const now = source.now();
            source.arm(late, now, now);
            source.arm(gone, now, now);
            source.disarm(gone);
            EXPECT_EQ(source.armed(), armed_before ? 2u : 1u);
            ended = true;
        });
        if (armed_before) source.arm(earlier, source.now() + 1h, source.now());
        asio::post(executor, [last_words = std::move(last_words)] { FAIL() << "the context never ran"; });
        context.reset();
        EXPECT_TRUE(ended);
    }
}

} // namespace
