#pragma once

#include <keel/async/call_context.hpp>
#include <keel/async/detail/own_frame.hpp>
#include <keel/async/detail/runtime.hpp>
#include <keel/async/detail/scope.hpp>
#include <keel/async/result_traits.hpp>
#include <keel/core/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/system/system_error.hpp>

#include <concepts>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace keel {

namespace asio = boost::asio;

namespace detail {

template <class Work>
struct spawned;
template <class T>
struct spawned<asio::awaitable<T>>
{
    using type = T;
    static asio::awaitable<T> start(asio::awaitable<T>& work) { return std::move(work); }
};
template <class Function>
    requires std::invocable<Function&>
struct spawned<Function> : spawned<std::invoke_result_t<Function&>>
{
    static auto start(Function& work) { return work(); }
};

template <class T>
struct spawn_signature
{
    using type = void(std::exception_ptr, T);
};
template <>
struct spawn_signature<void>
{
    using type = void(std::exception_ptr);
};

/// The root coroutine of a scope. `work` lives in its frame, so a closure lives as long as what it returned.
/// \param outer the scope that it was started in, if it is in one. Not looked at before this runs on the
///              executor that both have
template <class T, class Work>
asio::awaitable<T> run_in_scope(own_frame, scope_ref where, scope_ref outer, Work work)
{
    auto const here = co_await ask_surroundings();
    if (auto const* const from = outer.get()) where.where->inherit(*from);
    std::exception_ptr thrown;
    std::optional<value_of<T>> value;
    if (begin_scope(where, here)) {
        try {
            if constexpr (std::is_void_v<T>) {
                co_await spawned<Work>::start(work);
                value.emplace();
            } else {
                value.emplace(co_await spawned<Work>::start(work));
            }
        } catch (...) {
            thrown = std::current_exception();
        }
    } else {
        thrown =
            std::make_exception_ptr(boost::system::system_error(error_code(asio::error::operation_aborted)));
    }
    here.throw_if_cancelled(false); // or the spawn's own last step would throw
    if (thrown) std::rethrow_exception(thrown);
    if constexpr (!std::is_void_v<T>) co_return *std::move(value);
}

/// Completes the user's handler on the handler's own executor. Asio 1.26 must not see that executor: it would
/// deliver cancellations through it, by a pointer that may be stale (see docs/adr/0011).
template <class Handler>
class scope_end
{
public:
    scope_end(Handler handler, asio::any_io_executor const& executor, scope_lease lease)
        : lease_(std::move(lease)),
          work_(asio::prefer(asio::get_associated_executor(handler, executor),
                             asio::execution::outstanding_work.tracked)),
          handler_(std::move(handler))
    {}

    template <class... Result>
    void operator()(std::exception_ptr thrown, Result... result)
    {
        auto const executor = std::move(work_);
        auto const allocator = asio::get_associated_allocator(handler_);
        auto complete = [handler = std::move(handler_), thrown = std::move(thrown),
                         ... result = std::move(result)]() mutable {
            asio::get_associated_cancellation_slot(handler).clear(); // its signal is emitted on this executor
            std::move(handler)(std::move(thrown), std::move(result)...);
        };
        asio::dispatch(executor, asio::bind_allocator(allocator, std::move(complete)));
    }

private:
    using home = asio::associated_executor_t<Handler, asio::any_io_executor>;

    scope_lease lease_;
    std::decay_t<typename asio::prefer_result<home, asio::execution::outstanding_work_t::tracked_t>::type>
        work_;
    Handler handler_;
};

struct initiate_in_scope
{
    asio::any_io_executor executor;

    using executor_type = asio::any_io_executor;
    executor_type get_executor() const noexcept { return executor; }

    template <class Handler, class Work>
    void operator()(Handler handler, Work work, call_context context) const
    {
        using T = typename spawned<Work>::type;
        auto& home = runtime::of(executor);
        auto lease = scope_lease(home.scopes(), executor);
        auto const where = lease.ref();
        auto const outer = scope_of(executor);
        lease->context = std::move(context);

        auto const own = lease->executor;
        if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected())
            slot.assign([own, where](asio::cancellation_type type) {
                asio::dispatch(own, [where, type] {
                    if (auto* const still = where.get()) still->cancel(type);
                });
            });
        auto const root = lease->root.slot();
        asio::co_spawn(own, run_in_scope<T>({}, where, outer, std::move(work)),
                       asio::bind_cancellation_slot(
                           root, scope_end<Handler>(std::move(handler), own, std::move(lease))));
    }
};

template <class Work>
concept spawnable = requires { typename spawned<std::decay_t<Work>>::type; };

/// No function, so that a coroutine that returns something of Keel's does not bring it in where somebody calls
/// Asio's `co_spawn` without saying whose: the operators of `awaitable_operators` do.
struct co_spawn_function
{
    template <spawnable Work, class Token>
    auto operator()(asio::any_io_executor executor, Work&& work, Token&& token,
                    call_context context = call_context()) const
    {
        using T = typename spawned<std::decay_t<Work>>::type;
        return asio::async_initiate<Token, typename spawn_signature<T>::type>(
            initiate_in_scope{std::move(executor)}, token, std::decay_t<Work>(std::forward<Work>(work)),
            std::move(context));
    }

    /// On the executor of a context.
    template <std::derived_from<asio::execution_context> Context, spawnable Work, class Token>
    auto operator()(Context& context, Work&& work, Token&& token, call_context about = call_context()) const
    {
        return (*this)(asio::any_io_executor(context.get_executor()), std::forward<Work>(work),
                       std::forward<Token>(token), std::move(about));
    }
};

} // namespace detail

/// Starts a coroutine as `asio::co_spawn` does, but in a *scope*, which costs about as much. Inside it:
///
/// - a pipeline with timeouts cuts an operation short in place, where elsewhere it must spawn it first: a
///   timed call costs a tenth (but for `abandon` and `grace`, which need the spawn);
/// - the pipelines inherit the deadline of what encloses them, and `co_await keel::this_call()` tells it,
///   with the other things of the `call_context` that the scope was given.
///
/// The scope is the coroutine itself and what it awaits. What it spawns is outside of it, unless by
/// `keel::co_spawn` again: a scope started on the executor of another inherits its deadline, if that is the
/// earlier one, and of its call context, but for the attempt, whatever its own leaves at the default. Started
/// from elsewhere, it does so when it begins; from one that has ended by then, nothing.
///
/// As a function: `co_spawn(executor, work, token, context = {})`, or with an execution context in place of
/// the executor.
///
/// \param executor must be serial: an `io_context` run by one thread, or a strand
/// \param work     an `asio::awaitable<T>`, or a function without parameters that returns one and is kept
///                 until the coroutine has ended. `T` must be default-constructible.
/// \param token    any completion token for `void(std::exception_ptr, T)`. Its executor, allocator and
///                 cancellation slot are honoured; cancelling ends the coroutine as it does with Asio's. The
///                 signal must be emitted on the token's executor.
/// \param context  what the scope's calls may know. A deadline in it is inherited by every pipeline inside,
///                 which ends its calls by it; it does not by itself cut short what runs outside of pipelines.
inline constexpr detail::co_spawn_function co_spawn{};

} // namespace keel
