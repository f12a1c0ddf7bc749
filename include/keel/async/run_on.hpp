#pragma once

#include <keel/async/detail/errand.hpp>
#include <keel/core/error.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <concepts>
#include <memory>
#include <type_traits>
#include <utility>

namespace keel {

/// Where a bulkhead's operations run, if not where their callers are:
///
///     asio::thread_pool pool(4);
///     keel::limited_executor lanes{pool, {.max_running = 2, .max_queue = 100}};
///     keel::bulkhead reports{{.max_concurrent = 20}, keel::run_on(lanes)};
///
/// Each operation gets a strand of the executor for itself, so the executor may have many threads. Refer to
/// the executor by its own type: strands of an `any_io_executor` work, but cost more than twice as much.
///
/// Do not give it a strand, which must not outlive its context.
///
/// An attempt that a timeout has left behind may still run when the next begins, and on another thread, in the
/// same function object and with the same stored arguments: with `abandon` or `grace` and a retry, what they
/// own must bear that.
///
/// A `limited_executor` is asked for a place first (`try_post`); any other executor takes everything.
///
/// A cheap handle. The execution context must not be destroyed before the last call is made; calls that it
/// is in the middle of end with `operation_aborted`.
class run_on
{
public:
    template <class Executor>
        requires(!std::same_as<Executor, run_on> && boost::asio::execution::is_executor<Executor>::value)
    explicit run_on(Executor where) : place_(std::make_shared<place_on<Executor>>(std::move(where)))
    {}

    template <class Context>
        requires std::convertible_to<Context&, boost::asio::execution_context&>
    explicit run_on(Context& context) : run_on(context.get_executor())
    {}

    /// Sends an operation there; never runs it inside this call. \returns why there is no place for it
    error_code start(std::shared_ptr<detail::errand_base> what) const
    {
        return place_->start(std::move(what));
    }

private:
    struct place
    {
        virtual ~place() = default;
        virtual error_code start(std::shared_ptr<detail::errand_base>) const = 0;
    };

    template <class Executor>
    struct beginner
    {
        Executor where;
        detail::errand_base::bearer who;

        void operator()()
        {
            asio::any_io_executor const strand = asio::make_strand(where);
            asio::dispatch(strand, [strand, w = std::move(who)]() mutable { std::move(w).begin(strand); });
        }
    };

    template <class Executor>
    struct place_on final : place
    {
        explicit place_on(Executor e) : where(std::move(e)) {}

        error_code start(std::shared_ptr<detail::errand_base> what) const override
        {
            auto begin = beginner<Executor>{where, detail::errand_base::bearer(std::move(what))};
            if constexpr (requires { where.try_post(std::move(begin)); }) {
                return where.try_post(std::move(begin));
            } else {
                asio::post(where, std::move(begin));
                return {};
            }
        }

        Executor where;
    };

    std::shared_ptr<place const> place_;
};

} // namespace keel
