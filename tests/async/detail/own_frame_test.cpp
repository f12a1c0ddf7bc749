#include <keel/async/detail/own_frame.hpp>

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <array>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

namespace asio = boost::asio;
using keel::detail::ask_surroundings;
using keel::detail::own_frame;

template <class T>
T run(asio::awaitable<T> work)
{
    asio::io_context context(1);
    std::exception_ptr thrown;
    std::optional<T> result;
    asio::co_spawn(context, std::move(work), [&](std::exception_ptr e, T value) {
        thrown = e;
        result.emplace(std::move(value));
    });
    context.run();
    if (thrown) std::rethrow_exception(thrown);
    return *std::move(result);
}

asio::awaitable<std::string> hop(std::string text, bool fails = false)
{
    co_await asio::post(asio::use_awaitable);
    if (fails) throw std::runtime_error(text);
    co_return text;
}

asio::awaitable<std::string> twice(own_frame, std::string text)
{
    std::array<char, 2000> large{}; // more than Asio would recycle
    large.back() = '!';
    auto const first = co_await hop(text);
    co_await asio::post(asio::deferred);
    auto const second = co_await hop(text);
    co_return first + second + large.back();
}

TEST(own_frame, awaits_as_every_other_coroutine_does) { EXPECT_EQ(run(twice({}, "ab")), "abab!"); }

asio::awaitable<std::string> nested(own_frame, int depth)
{
    if (depth == 0) co_return co_await hop("end");
    auto inner = nested({}, depth - 1);
    co_return co_await std::move(inner);
}

TEST(own_frame, is_awaited_by_its_like) { EXPECT_EQ(run(nested({}, 5)), "end"); }

asio::awaitable<std::string> fail(own_frame, bool catches)
{
    std::string caught;
    try {
        co_await hop("inside", true);
    } catch (std::runtime_error const& e) {
        caught = e.what();
        if (!catches) throw;
    }
    co_return "caught " + caught;
}

TEST(own_frame, hands_exceptions_on)
{
    EXPECT_EQ(run(fail({}, true)), "caught inside");
    EXPECT_THROW(run(fail({}, false)), std::runtime_error);
}

asio::awaitable<bool> compare(own_frame)
{
    auto const here = co_await ask_surroundings();
    auto const executor = co_await asio::this_coro::executor;
    auto const state = co_await asio::this_coro::cancellation_state;
    auto same = here.executor() == executor && here.cancellation().slot() == state.slot();
    here.throw_if_cancelled(false);
    auto const throws = co_await asio::this_coro::throw_if_cancelled();
    same = same && !throws && !here.throws_if_cancelled();
    here.throw_if_cancelled(true);
    co_return same&& here.throws_if_cancelled();
}

TEST(own_frame, is_told_what_asio_tells) { EXPECT_TRUE(run(compare({}))); }

asio::awaitable<void> wait(own_frame, std::shared_ptr<int> held, bool* cancelled)
{
    auto const here = co_await ask_surroundings();
    asio::steady_timer timer(here.executor(), asio::steady_timer::time_point::max());
    try {
        co_await timer.async_wait(asio::use_awaitable);
    } catch (boost::system::system_error const&) {
        *cancelled = here.cancellation().cancelled() != asio::cancellation_type::none && *held == 1;
    }
}

TEST(own_frame, is_cancelled_through_its_root)
{
    asio::io_context context(1);
    asio::cancellation_signal signal;
    auto cancelled = false;
    auto done = false;
    asio::co_spawn(context, wait({}, std::make_shared<int>(1), &cancelled),
                   asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr) { done = true; }));
    context.poll();
    signal.emit(asio::cancellation_type::terminal);
    context.run();
    EXPECT_TRUE(cancelled);
    EXPECT_TRUE(done);
}

TEST(own_frame, ends_with_its_context)
{
    auto const held = std::make_shared<int>(1);
    auto cancelled = false;
    {
        asio::io_context context(1);
        asio::co_spawn(context, wait({}, held, &cancelled), [](std::exception_ptr) {});
        context.poll();
        EXPECT_GT(held.use_count(), 1);
    }
    EXPECT_EQ(held.use_count(), 1);
    EXPECT_FALSE(cancelled);
}

} // namespace
