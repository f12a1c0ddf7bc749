#include <keel/async/detail/runtime.hpp>

#include <keel/async/sleep.hpp>
#include <keel/testing/virtual_time.hpp>

#include "support/two_threads.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using keel::detail::runtime;
using keel::testing::virtual_time;

std::vector<std::uint64_t> draws(runtime& r, int n = 10)
{
    std::vector<std::uint64_t> drawn;
    for (auto i = 0; i < n; ++i) drawn.push_back(r.draw().numerator);
    return drawn;
}

// Finding it

TEST(runtime, is_one_per_context_whatever_asks)
{
    asio::io_context context(1);
    auto& found = runtime::of(context);
    EXPECT_EQ(&runtime::of(context), &found);
    EXPECT_EQ(&asio::use_service<runtime>(context), &found);
    EXPECT_EQ(&runtime::of(context.get_executor()), &found);
    EXPECT_EQ(&runtime::of(asio::make_strand(context.get_executor())), &found);
}

TEST(runtime, of_two_contexts_are_two)
{
    asio::io_context one(1);
    asio::thread_pool other(1);
    auto& of_one = runtime::of(one);
    auto& of_other = runtime::of(other);
    EXPECT_NE(&of_one, &of_other);
    for (auto i = 0; i < 3; ++i) {
        EXPECT_EQ(&runtime::of(one), &of_one);
        EXPECT_EQ(&runtime::of(other), &of_other);
    }
}

TEST(runtime, has_the_time_source_of_its_context)
{
    asio::io_context context(1);
    auto& clock = virtual_time::install(context);
    EXPECT_EQ(&runtime::of(context).time(), &clock);
    asio::io_context other(1);
    EXPECT_EQ(&runtime::of(other).time(), &asio::use_service<time_source>(other));
}

TEST(runtime, of_a_context_that_has_ended_is_not_remembered_for_the_next_at_its_address)
{
    asio::thread_pool elsewhere(1);
    auto const asked_elsewhere = [&](asio::execution_context& context) {
        return asio::post(elsewhere, asio::use_future([&] { return &runtime::of(context); })).get();
    };
    std::optional<asio::io_context> context;
    std::vector<std::unique_ptr<char[]>> in_the_way;
    for (auto round = 0; round < 3; ++round) {
        context.emplace(1);
        auto const* const own = &asio::use_service<runtime>(*context);
        EXPECT_EQ(&runtime::of(*context), own);
        EXPECT_EQ(asked_elsewhere(*context), own);
        context.reset();
        in_the_way.push_back(std::make_unique<char[]>(sizeof(runtime)));
    }
}

// Chance

TEST(runtime, draws_from_zero_up_to_one)
{
    asio::io_context context(1);
    auto& r = runtime::of(context);
    std::set<std::uint64_t> different;
    auto sum = 0.0;
    for (auto i = 0; i < 1000; ++i) {
        auto const c = r.draw();
        ASSERT_LT(c.numerator, c.denominator);
        different.insert(c.numerator);
        sum += static_cast<double>(c.numerator) / static_cast<double>(c.denominator);
    }
    EXPECT_EQ(different.size(), 1000u);
    EXPECT_GT(sum, 400.0);
    EXPECT_LT(sum, 600.0);
}

TEST(runtime, draws_the_same_from_the_same_seed)
{
    asio::io_context one(1);
    asio::io_context other(1);
    runtime::of(one).seed(7);
    runtime::of(other).seed(7);
    auto const drawn = draws(runtime::of(one));
    EXPECT_EQ(draws(runtime::of(other)), drawn);
    runtime::of(other).seed(8);
    EXPECT_NE(draws(runtime::of(other)), drawn);
}

TEST(runtime, draws_differently_in_every_context_that_was_not_seeded)
{
    asio::io_context one(1);
    asio::io_context other(1);
    EXPECT_NE(draws(runtime::of(one)), draws(runtime::of(other)));
}

TEST(runtime, two_threads_may_draw_at_once)
{
    asio::io_context context(2);
    auto& r = runtime::of(context);
    std::vector<std::uint64_t> drawn[2];
    on_two_threads([&](unsigned thread) { drawn[thread] = draws(r, 1000); });
    std::set<std::uint64_t> different(drawn[0].begin(), drawn[0].end());
    different.insert(drawn[1].begin(), drawn[1].end());
    EXPECT_EQ(different.size(), 2000u) << "no draw is given out twice";
}

// What is parked when the context ends

asio::awaitable<void> sleep_for_ever(std::shared_ptr<int> held)
{
    auto const kept = held;
    co_await sleep_until(time_point::max());
}

TEST(runtime, ends_every_parked_coroutine_with_the_context)
{
    auto const held = std::make_shared<int>(1);
    auto context = std::make_unique<asio::io_context>(1);
    for (auto i = 0; i < 5; ++i) asio::co_spawn(*context, sleep_for_ever(held), asio::detached);
    context->poll();
    EXPECT_EQ(held.use_count(), 11);
    context.reset();
    EXPECT_EQ(held.use_count(), 1);
}

/// Starts something in a context when it goes away.
class last_wish
{
public:
    last_wish(asio::io_context& in, std::shared_ptr<int> held) : in_(in), held_(std::move(held)) {}
    last_wish(last_wish const&) = delete;
    last_wish& operator=(last_wish const&) = delete;
    ~last_wish() { asio::co_spawn(in_, sleep_for_ever(held_), asio::detached); }

private:
    asio::io_context& in_;
    std::shared_ptr<int> held_;
};

asio::awaitable<void> sleep_with_a_last_wish(asio::io_context* in, std::shared_ptr<int> held)
{
    last_wish const wish(*in, held);
    co_await sleep_until(time_point::max());
}

TEST(runtime, ends_what_is_started_as_the_context_ends)
{
    auto const held = std::make_shared<int>(1);
    auto context = std::make_unique<asio::io_context>(1);
    for (auto i = 0; i < 3; ++i)
        asio::co_spawn(*context, sleep_with_a_last_wish(context.get(), held), asio::detached);
    context->poll();
    context.reset();
    EXPECT_EQ(held.use_count(), 1);
}

asio::awaitable<void> keep_alive(std::shared_ptr<asio::io_context> context)
{
    auto const kept = context;
    co_await sleep_until(time_point::max());
}

TEST(runtime, lets_a_coroutine_of_one_context_hold_another_context)
{
    auto inner = std::make_shared<asio::io_context>(1);
    auto const held = std::make_shared<int>(1);
    asio::co_spawn(*inner, sleep_for_ever(held), asio::detached);
    inner->poll();
    auto outer = std::make_unique<asio::io_context>(1);
    asio::co_spawn(*outer, keep_alive(inner), asio::detached);
    outer->poll();
    inner.reset();
    EXPECT_GT(held.use_count(), 1);
    outer.reset();
    EXPECT_EQ(held.use_count(), 1);
}

} // namespace
