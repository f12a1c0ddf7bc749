#pragma once

#include <keel/async/detail/limiter.hpp>
#include <keel/async/limited_executor_options.hpp>
#include <keel/core/error.hpp>

#include <boost/asio/associated_allocator.hpp>
#include <boost/asio/execution/allocator.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/executor.hpp>
#include <boost/asio/execution/relationship.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include <concepts>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace keel {

/// What a limited executor can stand on: an Asio executor that knows its context and can run a function
/// later.
template <class Executor>
concept limitable_executor = asio::execution::is_executor<Executor>::value &&
                             asio::can_query<Executor const&, asio::execution::context_t>::value &&
                             asio::can_require<Executor const&, asio::execution::blocking_t::never_t>::value;

/// An executor that runs at most `max_running` functions at once on the executor it wraps: a strand with
/// several lanes. With one lane it is a strand.
///
///     asio::thread_pool pool(8);
///     keel::limited_executor reports{pool, {.max_running = 2}};
///     asio::post(reports, render); // two of the eight threads at most ever render
///
/// It bounds functions that *run*. A coroutine that waits runs nothing and takes no lane, so this does not
/// bound calls in flight: `bulkhead` does. With more than one lane it does not keep one call's handlers apart
/// either: give each call an `asio::strand` of this executor.
///
/// Order: functions begin first in, first out; with several lanes, neighbours may begin at the same time. A
/// lane runs one function, then gets in line again, so that others who use the inner executor have their
/// turn. `dispatch` from inside one of the executor's functions runs at once, in the same lane.
///
/// The queue: `try_post` refuses when `max_queue` functions wait. Nothing else ever refuses. What comes
/// through `execute`, and so through `asio::post`, `dispatch`, `defer`, `co_spawn` and every operation bound
/// to this executor, may be the rest of something that was accepted long ago: the completion of a read, the
/// wake-up of a coroutine. Asio has already let go of it, nothing in it tells it from new work, and to refuse
/// it would be to lose it. It always gets a place, beyond `max_queue` if need be, and counts as waiting when
/// `try_post` is asked. So: let new work in through `try_post`, or hold a bulkhead's permit for it.
///
/// A function that throws ends as it would on the inner executor, and its lane goes on. When the inner
/// executor itself throws, so does `execute`, and the function has not been taken; when it does so while a
/// lane gets in line again, that leaves the lane's last function as its exception would, and what waits for
/// the lane waits for the next submission.
///
/// A cheap handle to shared state: copies, and what `require` and `prefer` make of them, share their lanes
/// and compare equal. Copies may outlive the execution context. When the context is destroyed, functions that
/// have not begun are destroyed with it; what is submitted from then on is destroyed at once. Thread-safe.
template <limitable_executor Inner>
class limited_executor
{
    template <class Property>
    using query_result = std::conditional_t<std::is_convertible_v<Property, asio::execution::blocking_t>,
                                            asio::execution::blocking_t,
                                            typename asio::query_result<Inner const&, Property>::type>;

    /// Nobody waits for a function that waits in a queue.
    template <class Property>
    static constexpr bool may_have = !std::is_convertible_v<Property, asio::execution::blocking_t::always_t>;

public:
    using inner_executor_type = Inner;

    /// \throws invalid_options naming every option that is out of range
    template <class Executor>
        requires(!std::same_as<Executor, limited_executor> && std::convertible_to<Executor, Inner>)
    explicit limited_executor(Executor inner, limited_executor_options options = {})
        : inner_(std::move(inner)),
          state_(detail::limiter::make(asio::query(inner_, asio::execution::context), std::move(options)))
    {}

    /// Of the context's own executor. \throws invalid_options
    template <class Context>
        requires std::convertible_to<Context&, asio::execution_context&> &&
                 std::same_as<Inner, typename Context::executor_type>
    explicit limited_executor(Context& context, limited_executor_options options = {})
        : limited_executor(context.get_executor(), std::move(options))
    {}

    /// Runs `f` here later, never inside this call, if there is room for it.
    ///
    /// \returns success: `f` has been taken. `errc::queue_full`: `max_running` functions run and `max_queue`
    ///          wait. `operation_aborted`: the context is going away. Unless it is taken, `f` is left as it
    ///          was
    /// \throws what moving `f`, allocating, or the inner executor throws; then nothing has been submitted
    template <class Function>
        requires std::invocable<std::decay_t<Function>&>
    [[nodiscard]] error_code try_post(Function&& f) const
    {
        detail::reservation place(*state_);
        if (place.error().failed()) return place.error();
        auto const allocator = asio::get_associated_allocator(f);
        submit(asio::prefer(asio::require(inner_, asio::execution::blocking.never),
                            asio::execution::relationship.fork, asio::execution::allocator(allocator)),
               detail::box_function(std::forward<Function>(f), allocator), &place);
        return {};
    }

    /// Is this thread inside a function of this executor?
    bool running_in_this_thread() const noexcept { return state_->runs_here(); }

    /// What runs and what waits at this moment, in all copies together.
    limited_executor_snapshot snapshot() const { return state_->snapshot(); }
    /// The option. Valid as long as a copy of the executor lives.
    std::string_view name() const noexcept { return state_->options().name; }
    /// The executor it wraps. What is submitted to that takes no lane.
    Inner get_inner_executor() const noexcept { return inner_; }

    friend bool operator==(limited_executor const& a, limited_executor const& b) noexcept
    {
        return a.state_ == b.state_;
    }

    // What Asio calls. Users call `asio::post`, `asio::query` and so on.

    /// Runs `f` at once if the executor may block and this is inside one of its lanes, else queues it.
    template <class Function>
        requires std::invocable<std::decay_t<Function>&>
    void execute(Function&& f) const
    {
        if (asio::query(inner_, asio::execution::blocking) != asio::execution::blocking.never &&
            running_in_this_thread()) {
            std::decay_t<Function> function(std::forward<Function>(f));
            function();
            return;
        }
        submit(inner_, detail::box_function(std::forward<Function>(f), allocator()));
    }

    template <class Property>
        requires asio::can_query<Inner const&, Property>::value
    query_result<Property> query(Property const& property) const
        noexcept(asio::is_nothrow_query<Inner const&, Property>::value)
    {
        if constexpr (std::is_convertible_v<Property, asio::execution::blocking_t>) {
            asio::execution::blocking_t const found = asio::query(inner_, property);
            return found == asio::execution::blocking.always ? asio::execution::blocking.possibly : found;
        } else {
            return asio::query(inner_, property);
        }
    }

    template <class Property>
        requires(asio::can_require<Inner const&, Property>::value && may_have<Property>)
    auto require(Property const& property) const
        noexcept(asio::is_nothrow_require<Inner const&, Property>::value)
    {
        return on(asio::require(inner_, property));
    }

    template <class Property>
        requires(asio::can_prefer<Inner const&, Property>::value && may_have<Property>)
    auto prefer(Property const& property) const
        noexcept(asio::is_nothrow_prefer<Inner const&, Property>::value)
    {
        return on(asio::prefer(inner_, property));
    }

private:
    template <limitable_executor Other>
    friend class limited_executor;

    limited_executor(Inner inner, std::shared_ptr<detail::limiter> state) noexcept
        : inner_(std::move(inner)),
          state_(std::move(state))
    {}

    /// The same lanes, reached by another executor.
    template <class Other>
    limited_executor<Other> on(Other other) const noexcept
    {
        return {std::move(other), state_};
    }

    auto allocator() const
    {
        if constexpr (asio::can_query<Inner const&, asio::execution::allocator_t<void>>::value)
            return asio::query(inner_, asio::execution::allocator);
        else
            return std::allocator<void>();
    }

    template <class Executor>
    void submit(Executor const& executor, detail::function_ptr f, detail::reservation* place = nullptr) const
    {
        auto taken = state_->take(f, place);
        if (!taken.start) return;
        try {
            executor.execute(detail::lane_on<Executor>(executor, std::move(taken.start)));
        } catch (...) {
            auto const not_taken = state_->withdraw(taken.number);
            serve_the_others(executor);
            throw;
        }
    }

    /// Somebody may have come meanwhile and found the lane taken.
    template <class Executor>
    void serve_the_others(Executor const& executor) const
    {
        try {
            if (auto start = state_->start_waiting())
                asio::require(executor, asio::execution::blocking.never)
                    .execute(detail::lane_on<Executor>(executor, std::move(start)));
        } catch (...) { // they wait for the next submission
        }
    }

    Inner inner_;
    std::shared_ptr<detail::limiter> state_;
};

template <limitable_executor Executor>
limited_executor(Executor, limited_executor_options = {}) -> limited_executor<Executor>;

template <class Context>
    requires std::convertible_to<Context&, asio::execution_context&>
limited_executor(Context&, limited_executor_options = {})
    -> limited_executor<typename Context::executor_type>;

} // namespace keel
