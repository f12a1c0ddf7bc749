#pragma once

#include <keel/async/co_spawn.hpp>
#include <keel/async/detail/result_slot.hpp>
#include <keel/core/failure.hpp>
#include <keel/core/verdict.hpp>
#include <keel/pipeline/outcome.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/system_executor.hpp>

#include <exception>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// The outcome of a call whose coroutine did not get as far as to make one: it was cancelled before it began,
/// or there was no memory for it.
template <class T>
outcome<T> outcome_of(std::exception_ptr const& thrown)
{
    failure why;
    try {
        std::rethrow_exception(thrown);
    } catch (...) {
        why = current_failure();
    }
    call_report report;
    report.verdict = verdict::ignored;
    if (why.code == asio::error::operation_aborted) report.ended_by = ended_by::caller;
    return outcome<T>(std::nullopt, std::move(why), std::move(report));
}

/// Hands the user's handler an outcome where `co_spawn` has an exception and an outcome.
template <class T, class Handler>
struct outcome_handler
{
    Handler handler;

    void operator()(std::exception_ptr const& thrown, outcome<T> result)
    {
        if (thrown) return std::move(handler)(outcome_of<T>(thrown));
        std::move(handler)(std::move(result));
    }
};

#define KEEL_NO_EXECUTOR                                                                                     \
    "keel: async_run(fn, token) runs where the token's executor is, and this token has none. Pass an "       \
    "executor first, async_run(executor, fn, token), or bind one: asio::bind_executor(executor, token)."

/// Where an `async_run` without an executor runs: where its handler does. Not on the executor of the system,
/// which Asio takes when it is given none: it has many threads.
struct executor_of_handler
{
    template <class Handler>
    static asio::any_io_executor of(Handler const& handler)
    {
        static_assert(!std::is_same_v<asio::associated_executor_t<Handler>, asio::system_executor>,
                      KEEL_NO_EXECUTOR);
        auto const executor = asio::get_associated_executor(handler);
        asio::execution_context& home = asio::query(executor, asio::execution::context);
        // That of use_future has a type of its own.
        if (&home == &asio::query(asio::system_executor(), asio::execution::context))
            throw std::invalid_argument(KEEL_NO_EXECUTOR);
        return executor;
    }
};

struct executor_given
{
    asio::any_io_executor executor;

    template <class Handler>
    asio::any_io_executor of(Handler const&) const
    {
        return executor;
    }
};

/// Starts a call as a coroutine in a scope of its own.
template <class T, class Where>
struct initiate_call
{
    Where where;

    template <class Handler, class Call>
    void operator()(Handler handler, Call call) const
    {
        auto const executor = where.of(handler);
        keel::co_spawn(executor, std::move(call), outcome_handler<T, Handler>{std::move(handler)});
    }
};

/// Whether what an initiation returns is awaited in the expression that makes it, as far as the type tells.
template <class R>
inline constexpr bool is_awaited_later = true;
template <>
inline constexpr bool is_awaited_later<void> = false;
template <class Future>
    requires requires(Future& f) { f.wait(); }
inline constexpr bool is_awaited_later<Future> = false;

} // namespace keel::detail

/// The handler's executor, allocator and cancellation slot.
template <template <class, class> class Associator, class T, class Handler, class Default>
struct boost::asio::associator<Associator, keel::detail::outcome_handler<T, Handler>, Default>
    : Associator<Handler, Default>
{
    static auto get(keel::detail::outcome_handler<T, Handler> const& h) noexcept
    {
        return Associator<Handler, Default>::get(h.handler);
    }
    static auto get(keel::detail::outcome_handler<T, Handler> const& h, Default const& d) noexcept
    {
        return Associator<Handler, Default>::get(h.handler, d);
    }
};
