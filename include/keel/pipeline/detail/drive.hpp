#pragma once

#include <keel/async/detail/attempt.hpp>
#include <keel/async/detail/errand_of.hpp>
#include <keel/async/detail/own_frame.hpp>
#include <keel/async/detail/result_slot.hpp>
#include <keel/async/fallback.hpp>
#include <keel/async/result_traits.hpp>
#include <keel/async/run_on.hpp>
#include <keel/core/failure.hpp>
#include <keel/pipeline/classifier.hpp>
#include <keel/pipeline/detail/answer.hpp>
#include <keel/pipeline/detail/call.hpp>
#include <keel/pipeline/detail/edge.hpp>
#include <keel/pipeline/detail/plan.hpp>
#include <keel/pipeline/detail/rarely.hpp>
#include <keel/pipeline/outcome.hpp>
#include <keel/pipeline/overrides.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// What some rules make of an attempt. Nothing: they say nothing of it.
template <class T>
std::optional<judgement> judge(rules const& by, std::optional<value_of<T>> const& value, failure const& why)
{
    if constexpr (!std::is_void_v<T>)
        if (value)
            if (auto const* judged = by.judge_for<T>()) return judged->judge(*value);
    if (value && !why.code) return std::nullopt;
    if (auto const* judged = by.judge_for<failure>()) return judged->judge(why);
    return std::nullopt;
}

/// What the attempt means to those steps that have rules of their own. To one whose rule throws it means what
/// it means to all. \returns what was thrown first, if anything was
template <class T>
std::optional<failure> report_to_own_judges(call& c, std::optional<value_of<T>> const& value,
                                            judgement meaning)
{
    std::optional<failure> thrown;
    for (auto const& own : c.made_of().own_judges) {
        try {
            c.means_to(own.step, judge<T>(own.judges, value, c.why()));
        } catch (...) {
            c.means_to(own.step, meaning);
            if (!thrown) thrown = current_failure();
        }
    }
    return thrown;
}

/// What the attempt means to the pipeline, and to those steps that have rules of their own.
template <class T>
void report_end(call& c, std::optional<value_of<T>> const& value)
{
    if (value && c.answering()) c.why() = {};
    try {
        if constexpr (!std::is_void_v<T> && result_traits<T>::carries_error)
            if (value) c.why().code = result_traits<T>::error(*value);
        auto const by_default = value && !c.why().code ? verdict::success : verdict::failure;
        auto const meaning = judge<T>(c.made_of().judges, value, c.why()).value_or(by_default);
        auto thrown = report_to_own_judges<T>(c, value, meaning);
        if (thrown) return c.misjudged(*std::move(thrown));
        c.ended(value.has_value(), meaning);
    } catch (...) { // the user's classifier
        c.forget_meanings();
        c.misjudged(current_failure());
    }
}

inline bool is_cancelled(asio::cancellation_state const& state)
{
    return state.cancelled() != asio::cancellation_type::none;
}

/// Starts the operation on another executor, if that has a place for it. Not if the caller has been
/// cancelled: Asio would not let us wait for it.
template <class T, class Operation>
work<T> send(call& c, run_on const& where, Operation& operation, asio::cancellation_state const& state)
{
    if (is_cancelled(state)) throw boost::system::system_error(asio::error::operation_aborted);
    auto what = std::make_shared<errand_of<T, Operation>>(c.belongings(), operation, c.describe_attempt());
    auto const refused = where.start(what);
    if (!refused.failed()) return await_errand<T>(std::move(what));
    if (refused != errc::queue_full) throw boost::system::system_error(refused);
    c.turned_away(errc::queue_full);
    return {};
}

/// Makes the operation ready to be awaited, or the fallback in its place. What that throws is its result.
template <class T, class Operation>
work<T> begin(call& c, Operation& in_frame, std::optional<value_of<T>>& value,
              asio::cancellation_state const& state) noexcept
{
    try {
        if (auto const* with = c.answering()) return answer<T>(*with, c.what_failed(), value);
        auto* const kept = static_cast<Operation*>(c.kept());
        if (auto const& other = c.made_of().runs) return send<T>(c, other->where, *kept, state);
        return work<T>::by(kept ? *kept : in_frame);
    } catch (...) {
        c.why() = current_failure();
        return {};
    }
}

/// Runs the work in a scope of its own and waits for it, or for the deadline. False: it has not ended, and
/// goes on without us.
template <class T>
asio::awaitable<bool> supervise(own_frame, call& c, work<T> what, std::optional<value_of<T>>& value,
                                asio::cancellation_state state)
{
    c.listen(state.slot());
    auto luggage = c.luggage();
    auto running = attempt<T>::start(c.executor(), c.describe_attempt(), std::move(what), c.belongings());
    running->luggage = std::move(luggage);
    if (is_cancelled(state)) running->cancel();
    if (!running->finished() && c.watch(running))
        co_await c.async_park(asio::deferred);
    else
        c.stop_listening();
    c.watched(state);
    if (!running->finished()) {
        c.leave_behind(running);
        co_return false;
    }
    try {
        auto& result = running->result;
        if (result.value) value.emplace(*std::move(result.value));
        c.why() = std::move(result.error);
    } catch (...) { // moving the user's value
        value.reset();
        c.why() = current_failure();
    }
    co_return true;
}

/// What must be right before anything begins.
template <class T, class Operation>
void prepare(call& c, Operation& operation)
{
    auto const& p = c.made_of();
    if (p.has_fallback)
        if (auto const unfit = unfit_fallback<T>(p)) return c.refuse(errc::fallback_type_mismatch, *unfit);
    if (!p.may_outlive_call()) return;
    if (Operation::owns)
        c.keep(std::make_shared<Operation>(std::move(operation)));
    else
        c.refuse(errc::operation_not_owned, p.outliving_step());
}

/// What to do after the operation has run in place; `value` is there if it gave one.
template <class T>
call::action after(call& c, std::optional<value_of<T>> const& value, asio::cancellation_state const& state)
{
    if constexpr (!result_traits<T>::carries_error)
        if (value && c.takes_values_for_successes()) return c.next_after_success(state);
    c.come_out(state);
    report_end<T>(c, value);
    return c.next(state);
}

/// Whether the operation gave what was asked for, as far as nobody but the result has a say in it.
template <class T>
bool is_success(std::optional<value_of<T>> const& value) noexcept
{
    if (!value) return false;
    if constexpr (!std::is_void_v<T> && result_traits<T>::carries_error) {
        try {
            return !result_traits<T>::error(*value);
        } catch (...) { // the user's; it is asked again where that is the end of the call
            return false;
        }
    }
    return true;
}

/// \param own the coroutine's executor, in its frame: copied only where no scope keeps it
template <class Surroundings>
whereabouts locate(Surroundings const& here, rarely<asio::any_io_executor>& own)
{
    auto const slot = here.cancellation().slot();
    if (auto* const in = recall_scope(slot)) return {in->executor, in};
    own.emplace(here.executor());
    auto* const in = find_scope(*own, slot);
    return {in && !in->was_left() ? in->executor : *own, in};
}

/// From here on a call goes on from where the passage stands.
template <class Edge>
std::unique_ptr<call> go_on_as_call(passage& way, call::from where)
{
    auto whole = std::make_unique<call>(way, where);
    if (Edge::tells_story) whole->remember_attempts();
    return whole;
}

/// The one coroutine of a call.
///
/// User code may run between any two lines of it (an operation's first steps, sinks, predicates) and cancel
/// this very coroutine. So it looks right before each wait whether that has happened, and must then still be
/// able to wait: awaiting must not throw, except for the operation when it is awaited in place.
template <class Edge, class T, class Operation>
asio::awaitable<typename Edge::template type<T>> drive(own_frame, std::shared_ptr<terms const> by,
                                                       Operation operation)
{
    auto const here = co_await ask_surroundings();
    rarely<asio::any_io_executor> own;
    passage way(by, locate(here, own), here.cancellation());
    std::optional<value_of<T>> value;

    std::unique_ptr<call> whole;
    auto to_do = call::action::finish;
    if (way.is() == passage::answer::inside) {
        try {
            if constexpr (std::is_void_v<T>) {
                co_await operation();
                value.emplace();
            } else {
                value.emplace(co_await operation());
            }
        } catch (...) {
            value.reset();
            way.end_in_place(here.cancellation()); // first, for there may be no memory for a call
            whole = go_on_as_call<Edge>(way, call::from::end_of_operation);
            whole->why() = current_failure();
        }
        if (is_success<T>(value)) {
            way.come_out(here.cancellation());
            co_return Edge::template deliver<T>(way, value);
        }
        if (!whole) {
            way.end_in_place(here.cancellation());
            whole = go_on_as_call<Edge>(way, call::from::end_of_operation);
        }
        report_end<T>(*whole, value);
        to_do = whole->next(here.cancellation());
    } else if (way.is() == passage::answer::refused) {
        co_return Edge::template refuse<T>(way);
    } else {
        whole = go_on_as_call<Edge>(way, call::from::way_in);
        if (!way.made_of.is_plain()) prepare<T>(*whole, operation);
        to_do = whole->next(here.cancellation());
    }

    while (to_do != call::action::finish) {
        if (to_do != call::action::park) value.reset(); // a pause may end with the last attempt's value
        auto what =
            to_do == call::action::park ? work<T>() : begin<T>(*whole, operation, value, here.cancellation());
        if (to_do != call::action::park && !what) {
            whole->did_not_run(here.cancellation());
            if (whole->is_running()) report_end<T>(*whole, value);
            to_do = whole->next(here.cancellation());
            continue;
        }
        if (to_do == call::action::run) {
            try {
                whole->going_in();
                if constexpr (std::is_void_v<T>) {
                    co_await what.start();
                    value.emplace();
                } else {
                    value.emplace(co_await what.start());
                }
            } catch (...) {
                value.reset();
                whole->why() = current_failure();
            }
            to_do = after<T>(*whole, value, here.cancellation());
            continue;
        }

        auto const throws = here.throws_if_cancelled();
        here.throw_if_cancelled(false);
        auto ended = false;
        try {
            if (what) {
                auto waiting = supervise<T>({}, *whole, std::move(what), value, here.cancellation());
                ended = co_await std::move(waiting);
            } else {
                whole->listen_while_parked(here.cancellation().slot());
                if (is_cancelled(here.cancellation())) whole->stop_waiting();
                co_await whole->async_park(asio::deferred);
            }
        } catch (...) { // memory has run out
            here.throw_if_cancelled(throws);
            throw;
        }
        here.throw_if_cancelled(throws);
        if (ended) report_end<T>(*whole, value);
        to_do = whole->next(here.cancellation());
    }
    co_return Edge::template deliver<T>(*whole, value);
}

} // namespace keel::detail
