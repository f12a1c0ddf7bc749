#include <keel/async/detail/hand_over.hpp>

#include <keel/async/detail/parking.hpp>

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;
using keel::detail::hand_over;
using keel::detail::parking;
using keel::detail::runtime;

class place final : public parking
{
public:
    explicit place(asio::any_io_executor const& on) : parking(on, runtime::of(on)) {}

private:
    void reached() override {}
    void cancelled() override {}
};

/// What happened, in order, and who waits.
struct scene
{
    std::vector<std::string> log;
    std::vector<place*> waiting;
};

asio::awaitable<void> wait(scene* s, std::string name)
{
    auto const executor = co_await asio::this_coro::executor;
    place here(executor);
    s->waiting.push_back(&here);
    co_await here.async_park(asio::deferred);
    s->log.push_back(name);
}

/// Wakes all who wait, inside a hand-over of its own.
asio::awaitable<void> give(scene* s, bool then_throw = false)
{
    auto const executor = co_await asio::this_coro::executor;
    place own(executor);
    {
        hand_over const places(own.context(), own.executor());
        for (auto* p : s->waiting) p->wake();
        s->log.push_back("given");
    }
    s->log.push_back("goes on");
    if (then_throw) throw std::runtime_error("giver");
}

void rethrow(std::exception_ptr e)
{
    if (e) std::rethrow_exception(e);
}

TEST(hand_over, continues_those_who_are_woken_before_the_giver_goes_on)
{
    asio::io_context context(1);
    scene s;
    asio::co_spawn(context, wait(&s, "first"), rethrow);
    asio::co_spawn(context, wait(&s, "second"), rethrow);
    asio::co_spawn(context, give(&s), rethrow);
    context.run();
    EXPECT_EQ(s.log, (std::vector<std::string>{"given", "first", "second", "goes on"}));
}

TEST(hand_over, gives_the_giver_its_turn_when_there_are_many)
{
    asio::io_context context(1);
    scene s;
    for (auto i = 0; i < 100; ++i) asio::co_spawn(context, wait(&s, "one"), rethrow);
    asio::co_spawn(context, give(&s), rethrow);
    context.run();
    ASSERT_EQ(s.log.size(), 102u) << "somebody was not woken";
    EXPECT_EQ(s.log[9], "goes on");
}

TEST(hand_over, leaves_those_on_a_strand_to_their_strand)
{
    asio::io_context context(1);
    scene s;
    asio::co_spawn(asio::make_strand(context.get_executor()), wait(&s, "other"), rethrow);
    asio::co_spawn(context, give(&s), rethrow);
    context.run();
    EXPECT_EQ(s.log, (std::vector<std::string>{"given", "goes on", "other"}));
}

TEST(hand_over, leaves_those_of_another_context_to_that)
{
    asio::io_context context(1);
    asio::io_context other(1);
    scene s;
    asio::co_spawn(other, wait(&s, "other"), rethrow);
    other.poll();
    asio::co_spawn(context, give(&s), rethrow);
    context.run();
    EXPECT_EQ(s.log, (std::vector<std::string>{"given", "goes on"}));
    other.restart();
    other.run();
    EXPECT_EQ(s.log.back(), "other");
}

/// Wakes itself before it has parked, as a gate may that hands a place over at once.
asio::awaitable<void> wake_oneself(scene* s)
{
    auto const executor = co_await asio::this_coro::executor;
    place here(executor);
    {
        hand_over const places(here.context(), here.executor());
        here.wake();
    }
    s->log.push_back("not yet parked");
    co_await here.async_park(asio::deferred);
    s->log.push_back("woken");
}

TEST(hand_over, wakes_one_that_has_not_parked_yet_when_it_has)
{
    asio::io_context context(1);
    scene s;
    asio::co_spawn(context, wake_oneself(&s), rethrow);
    context.run();
    EXPECT_EQ(s.log, (std::vector<std::string>{"not yet parked", "woken"}));
}

/// How deep the stack is: what is local to a coroutine is in its frame.
std::uintptr_t top_of_stack() { return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)); }

/// Gives its place on when it gets it, and so on.
asio::awaitable<void> relay(scene* s, std::size_t number, std::vector<std::uintptr_t>* depth)
{
    auto const executor = co_await asio::this_coro::executor;
    place here(executor);
    s->waiting.push_back(&here);
    co_await here.async_park(asio::deferred);
    depth->push_back(top_of_stack());
    hand_over const places(here.context(), here.executor());
    if (number + 1 < s->waiting.size()) s->waiting[number + 1]->wake();
}

TEST(hand_over, does_not_let_the_stack_grow_with_a_chain)
{
    asio::io_context context(1);
    scene s;
    std::vector<std::uintptr_t> depth;
    constexpr std::size_t length = 1000;
    for (std::size_t i = 0; i < length; ++i) asio::co_spawn(context, relay(&s, i, &depth), rethrow);
    context.poll();
    s.waiting[0]->wake();
    context.restart();
    context.run();
    ASSERT_EQ(depth.size(), length);
    auto const [least, greatest] = std::minmax_element(depth.begin(), depth.end());
    EXPECT_LT(*greatest - *least, 64u * 1024);
}

TEST(hand_over, leaves_to_run_what_a_handler_throws)
{
    asio::io_context context(1);
    scene s;
    asio::co_spawn(context, wait(&s, "one"), [](std::exception_ptr) { throw std::runtime_error("handler"); });
    asio::co_spawn(context, give(&s), rethrow);
    EXPECT_THROW(context.run(), std::runtime_error);
    EXPECT_EQ(s.log, (std::vector<std::string>{"given", "one", "goes on"}));
    context.run();
}

TEST(wake, continues_many_by_one_post_in_order)
{
    asio::io_context context(1);
    scene s;
    for (auto i = 0; i < 200; ++i) asio::co_spawn(context, wait(&s, std::to_string(i)), rethrow);
    context.poll();
    for (auto* p : s.waiting) p->wake();
    context.restart();
    context.run();
    ASSERT_EQ(s.log.size(), 200u);
    for (auto i = 0; i < 200; ++i) EXPECT_EQ(s.log[static_cast<std::size_t>(i)], std::to_string(i));
}

TEST(wake, goes_on_after_one_whose_handler_throws)
{
    asio::io_context context(1);
    scene s;
    auto const fail = [](std::exception_ptr) { throw std::runtime_error("handler"); };
    for (auto i = 0; i < 3; ++i) asio::co_spawn(context, wait(&s, "one"), fail);
    context.poll();
    for (auto* p : s.waiting) p->wake();
    context.restart();
    EXPECT_ANY_THROW(context.run()); // Asio gathers what is thrown in one step of `run`
    context.run();
    EXPECT_EQ(s.log.size(), 3u);
}

TEST(wake, of_those_whose_context_is_destroyed_ends_them)
{
    scene s;
    {
        asio::io_context context(1);
        for (auto i = 0; i < 3; ++i) asio::co_spawn(context, wait(&s, "one"), rethrow);
        context.poll();
        for (auto* p : s.waiting) p->wake();
    }
    EXPECT_TRUE(s.log.empty());
}

} // namespace
