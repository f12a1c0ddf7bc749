#pragma once

#include <keel/async/detail/frame_pool.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

#include <coroutine>
#include <cstddef>
#include <utility>

namespace keel::detail {

namespace asio = boost::asio;

/// As the first parameter of a coroutine that returns an `asio::awaitable`: its frame comes from the
/// `frame_pool`, may have any size, and leaves Asio's two recycled blocks to the user's coroutines.
struct own_frame
{};

/// Asks a coroutine that has an `own_frame` for its `surroundings`: `co_await ask_surroundings()`.
struct ask_surroundings
{};

/// What Asio tells a coroutine of itself, without a point of suspension for each question, whose temporaries
/// g++ would keep in the frame. For the coroutine that asked, while it runs.
template <class Promise>
class surroundings
{
public:
    explicit surroundings(Promise& own) noexcept : own_(&own) {}

    auto executor() const noexcept { return answer(asio::this_coro::executor); }
    asio::cancellation_state cancellation() const noexcept
    {
        return answer(asio::this_coro::cancellation_state);
    }
    template <class Filter>
    void filter_cancellation(Filter in) const
    {
        answer(asio::this_coro::reset_cancellation_state(std::move(in), asio::enable_total_cancellation()));
    }
    bool throws_if_cancelled() const { return answer(asio::this_coro::throw_if_cancelled()); }
    void throw_if_cancelled(bool yes) const { answer(asio::this_coro::throw_if_cancelled(yes)); }

private:
    template <class Question>
    auto answer(Question question) const
    {
        return own_->await_transform(std::move(question)).await_resume();
    }

    Promise* own_;
};

/// Asio's promise, as the standard's trait names it, in a frame of our own. Has no members: Asio finds the
/// frame by the address of its own part of the promise.
template <class Promise>
class own_promise : public Promise
{
public:
    static void* operator new(std::size_t size) { return frame_pool::allocate(size); }
    static void operator delete(void* frame, std::size_t size) noexcept
    {
        frame_pool::deallocate(frame, size);
    }

    using Promise::await_transform;

    template <class T, class Executor>
    auto await_transform(asio::awaitable<T, Executor> work)
    {
        return awaited(Promise::await_transform(std::move(work)));
    }

    auto await_transform(ask_surroundings) noexcept
    {
        struct answer : std::suspend_never
        {
            explicit answer(Promise& p) noexcept : own(p) {}
            surroundings<Promise> await_resume() const noexcept { return own; }
            surroundings<Promise> own;
        };
        return answer(*this);
    }

private:
    /// Introduces the coroutine that awaits to Asio by the promise it knows.
    template <class Work>
    class awaited
    {
    public:
        explicit awaited(Work&& work) noexcept : work_(std::move(work)) {}

        bool await_ready() const noexcept { return work_.await_ready(); }
        void await_suspend(std::coroutine_handle<own_promise> self)
        {
            static_assert(sizeof(own_promise) == sizeof(Promise) && alignof(own_promise) == alignof(Promise));
            work_.await_suspend(std::coroutine_handle<Promise>::from_promise(self.promise()));
        }
        decltype(auto) await_resume() { return work_.await_resume(); }

    private:
        Work work_;
    };
    template <class Work>
    awaited(Work&&) -> awaited<Work>;
};

} // namespace keel::detail

template <class T, class Executor, class... Args>
struct std::coroutine_traits<boost::asio::awaitable<T, Executor>, keel::detail::own_frame, Args...>
{
    using promise_type = keel::detail::own_promise<
        typename std::coroutine_traits<boost::asio::awaitable<T, Executor>>::promise_type>;
};
