#pragma once

#include <keel/async/detail/attempt.hpp>
#include <keel/async/detail/result_slot.hpp>
#include <keel/async/fallback.hpp>
#include <keel/async/result_traits.hpp>
#include <keel/core/failure.hpp>
#include <keel/pipeline/classifier.hpp>
#include <keel/pipeline/detail/call.hpp>
#include <keel/pipeline/detail/plan.hpp>
#include <keel/pipeline/outcome.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

namespace keel::detail {

/// Hands the end of a call out as the operation's own type: nothing is thrown if it can carry an error.
struct as_result
{
    template <class T>
    using type = T;

    template <class T>
    static T deliver(call& c, std::optional<value_of<T>> value)
    {
        if (c.value_stands()) {
            if constexpr (std::is_void_v<T>)
                return;
            else
                return *std::move(value);
        }
        auto const why = c.take_failure();
        if (why.exception) std::rethrow_exception(why.exception);
        if constexpr (result_traits<T>::carries_error)
            return result_traits<T>::from_error(why.code);
        else
            throw boost::system::system_error(why.code, c.made_of().name);
    }
};

/// Hands it out as an `outcome`, and never throws.
struct as_outcome
{
    template <class T>
    using type = outcome<T>;

    template <class T>
    static outcome<T> deliver(call& c, std::optional<value_of<T>> value)
    {
        if (!c.value_stands()) value.reset();
        auto report = c.report();
        return outcome<T>(std::move(value), c.take_failure(), std::move(report));
    }
};

/// What the pipeline's classifiers, or the rules of the type, make of an attempt.
/// Fills in the error that a result carries.
template <class T>
judgement judge(plan const& p, result_slot<T>& slot)
{
    if (slot.value) {
        if constexpr (!std::is_void_v<T>) {
            if constexpr (result_traits<T>::carries_error)
                slot.error.code = result_traits<T>::error(*slot.value);
            if (auto const* judged = p.judge_for<T>()) return judged->judge(*slot.value);
        }
        if (!slot.error.code) return verdict::success;
    }
    if (auto const* judged = p.judge_for<failure>()) return judged->judge(slot.error);
    return verdict::failure;
}

template <class T>
void report_end(call& c, bool caller_cancelled, result_slot<T>& slot)
{
    try {
        auto const meaning = judge(c.made_of(), slot);
        c.ended(caller_cancelled, slot.value.has_value(), meaning, slot.error);
    } catch (...) { // the user's classifier
        c.misjudged(current_failure());
    }
}

/// Whether a `T` is made from the value inside it, so that an alternative may give just that.
template <class T>
constexpr bool wraps_value() noexcept
{
    using U = typename result_traits<T>::value_type;
    if constexpr (std::is_same_v<T, U>)
        return false;
    else if constexpr (std::is_void_v<U>)
        return std::is_default_constructible_v<T>;
    else
        return std::is_constructible_v<T, U>;
}

/// Whether an alternative gives a `T`, or a value that a `T` can hold.
template <class T>
bool fits(alternative const& a)
{
    if constexpr (wraps_value<T>())
        if (a.produces() == typeid(typename result_traits<T>::value_type)) return true;
    return a.produces() == typeid(T);
}

template <class T>
bool every_fallback_fits(plan const& p)
{
    for (auto const& step : p.steps)
        if (auto const* f = std::get_if<fallback_step>(&step))
            for (auto const& a : f->state->alternatives)
                if (!fits<T>(*a)) return false;
    return true;
}

template <class T, class U>
asio::awaitable<T> convert(asio::awaitable<U> work)
{
    if constexpr (std::is_void_v<U>) {
        co_await std::move(work);
        co_return T{};
    } else {
        auto value =
            co_await std::move(work); // named: GCC 12 would destroy an aggregate made beside co_await twice
        co_return T(std::move(value));
    }
}

/// Starts a fallback's answer: fills `slot` if it is there at once, else returns what to await.
template <class T, class U>
std::optional<asio::awaitable<T>> answer_as(alternative_of<U> const& with, failure const& why,
                                            result_slot<T>& slot)
{
    if (with.at_once) {
        if constexpr (std::is_void_v<U>) {
            with.at_once(why);
            slot.value.emplace();
        } else {
            slot.value.emplace(with.at_once(why));
        }
        return std::nullopt;
    }
    std::optional<asio::awaitable<T>> work;
    if constexpr (std::is_same_v<T, U>)
        work.emplace(with.in_time(why));
    else
        work.emplace(convert<T, U>(with.in_time(why)));
    return work;
}

template <class T>
std::optional<asio::awaitable<T>> answer(alternative const& with, failure const& why, result_slot<T>& slot)
{
    if constexpr (wraps_value<T>()) {
        using U = typename result_traits<T>::value_type;
        if (with.produces() == typeid(U))
            return answer_as<T>(static_cast<alternative_of<U> const&>(with), why, slot);
    }
    return answer_as<T>(static_cast<alternative_of<T> const&>(with), why, slot);
}

/// Starts the operation, or the fallback in its place. What that throws is its result.
template <class T, class Operation>
std::optional<asio::awaitable<T>> begin(call& c, Operation& run, result_slot<T>& slot) noexcept
{
    slot.clear();
    try {
        if (auto const* with = c.answering()) return answer<T>(*with, c.what_failed(), slot);
        std::optional<asio::awaitable<T>> work;
        work.emplace(run());
        return work;
    } catch (...) {
        slot.capture();
        return std::nullopt;
    }
}

inline bool is_cancelled(asio::cancellation_state const& state)
{
    return state.cancelled() != asio::cancellation_type::none;
}

/// The one coroutine of a call.
///
/// User code may run between any two lines of it (an operation's first steps, sinks, predicates) and cancel
/// this very coroutine. So it looks right before each wait whether that has happened, and must then still be
/// able to wait: awaiting must not throw, except for the operation when it is awaited in place.
template <class Edge, class T, class Operation>
asio::awaitable<typename Edge::template type<T>> drive(std::shared_ptr<plan const> made_of,
                                                       Operation operation)
{
    auto executor = co_await asio::this_coro::executor;
    auto& context = runtime::of(executor);
    call c(std::move(made_of), std::move(executor), context);
    result_slot<T> slot;
    auto const throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);

    // An operation that may be left behind must not live in this frame.
    std::shared_ptr<Operation> kept;
    if (c.made_of().may_abandon && Operation::owns) kept = std::make_shared<Operation>(std::move(operation));
    Operation& run = kept ? *kept : operation;
    if (c.made_of().may_abandon && !Operation::owns)
        c.refuse(errc::operation_not_owned);
    else if (!every_fallback_fits<T>(c.made_of()))
        c.refuse(errc::fallback_type_mismatch);

    for (;;) {
        auto const before = co_await asio::this_coro::cancellation_state;
        auto const to_do = c.next(is_cancelled(before));
        if (to_do == call::action::finish) break;
        if (to_do == call::action::park) {
            auto const now = co_await asio::this_coro::cancellation_state;
            if (is_cancelled(now)) c.stop_waiting();
            co_await c.async_park(asio::deferred);
            continue;
        }

        std::shared_ptr<void const> kept_alive = kept;
        if (c.answering() && c.made_of().may_abandon) kept_alive = c.share_what_failed();
        auto work = begin<T>(c, run, slot);
        if (work && to_do == call::action::supervise) {
            auto running = attempt<T>::start(c.executor(), *std::move(work), std::move(kept_alive));
            auto const now = co_await asio::this_coro::cancellation_state;
            if (is_cancelled(now)) running->cancel();
            if (!running->finished() || context.queue_should_run()) {
                c.watch(running);
                co_await c.async_park(asio::deferred);
            }
            if (!running->finished()) {
                c.leave_behind(running);
                continue;
            }
            try {
                slot.take_from(running->result);
            } catch (...) { // moving the user's value
                slot.capture();
            }
        } else if (work) {
            co_await asio::this_coro::throw_if_cancelled(throws);
            try {
                if constexpr (std::is_void_v<T>) {
                    co_await *std::move(work);
                    slot.value.emplace();
                } else {
                    slot.value.emplace(co_await *std::move(work));
                }
            } catch (...) {
                slot.capture();
            }
            co_await asio::this_coro::throw_if_cancelled(false);
        }
        auto const after = co_await asio::this_coro::cancellation_state;
        report_end(c, is_cancelled(after), slot);
    }
    co_await asio::this_coro::throw_if_cancelled(throws);
    co_return Edge::template deliver<T>(c, std::move(slot.value));
}

} // namespace keel::detail
