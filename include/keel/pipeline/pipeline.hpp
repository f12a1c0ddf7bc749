#pragma once

#include <keel/async/bulkhead.hpp>
#include <keel/async/circuit_breaker.hpp>
#include <keel/async/fallback.hpp>
#include <keel/async/rate_limiter.hpp>
#include <keel/async/retry.hpp>
#include <keel/async/timeout.hpp>
#include <keel/pipeline/classifier.hpp>
#include <keel/pipeline/detail/async_run.hpp>
#include <keel/pipeline/detail/closure_guard.hpp>
#include <keel/pipeline/detail/drive.hpp>
#include <keel/pipeline/detail/operation.hpp>
#include <keel/pipeline/detail/plan.hpp>
#include <keel/pipeline/detail/shared_terms.hpp>
#include <keel/pipeline/lint.hpp>
#include <keel/pipeline/outcome.hpp>
#include <keel/pipeline/overrides.hpp>
#include <keel/pipeline/part.hpp>
#include <keel/pipeline/pipeline_description.hpp>
#include <keel/telemetry/sink.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace keel {

struct pipeline_options
{
    /// Shown in events, and in what is thrown.
    std::string name = "pipeline";

    /// Tells apart, in events, pipelines of one name: the host or key they are for. Empty: there is only one.
    std::string instance{};

    /// Hears every event of the pipeline and of its policies that have no sink of their own. Null: nobody.
    std::shared_ptr<telemetry::sink> sink{};

    /// Whether the pipeline's operations may be run twice. Only `lint` looks at it. `nullopt`: as pipelines
    /// that stand in it say, if they do. If one says that they may not, they may not.
    std::optional<bool> idempotent{};

    /// What to do when the parts do not go together. See `lint_rule`.
    keel::on_finding on_finding = keel::on_finding::report;

    /// Rules that this pipeline breaks on purpose.
    std::vector<lint_rule> accepted{};
};

class pipeline;
class overridden_pipeline;

namespace detail {
struct custody;
}

/// What may stand in a pipeline's list: a policy of Keel, a `std::shared_ptr` to a gate or loop of the
/// user's, a classifier, or another pipeline, whose parts then stand in its place; of its options only
/// `idempotent` counts.
template <class P>
concept pipeline_part =
    std::same_as<P, pipeline> || requires(detail::plan& p, P const& part) { p.add(part); };

/// An ordered list of policies around an operation, outermost first:
///
///     keel::pipeline payments{keel::retry{{.max_attempts = 3}}, keel::timeout{{.limit = 800ms}}};
///     auto receipt = co_await payments([&] { return charge(order); });
///
/// One plain type, cheap to copy; copies share their policies. One that was moved from may only be assigned
/// to and destroyed. A call in flight keeps all it needs alive, so the pipeline may be destroyed meanwhile,
/// and so may the context the call runs on.
///
/// Thread-safe: many calls may run at once, on any number of threads and contexts. But everything of *one*
/// call happens on the executor of the coroutine that awaits it, which must be serial: an `io_context` run by
/// one thread, or a strand.
class pipeline
{
public:
    /// No parts: the operation runs as it is.
    /// \throws std::invalid_argument for a null pointer among the parts, and for two classifiers for one type
    template <pipeline_part... Parts>
        requires(!(sizeof...(Parts) == 1 && (std::same_as<Parts, pipeline> && ...)))
    explicit pipeline(Parts const&... parts) : pipeline(pipeline_options{}, parts...)
    {}

    /// \throws std::invalid_argument as above; questionable_pipeline if `on_finding` is to refuse
    template <pipeline_part... Parts>
    explicit pipeline(pipeline_options options, Parts const&... parts)
    {
        auto const what = options.on_finding;
        auto made = begin(std::move(options));
        (add(*made, parts), ...);
        adopt(std::move(made), what);
    }

    /// The same from a list that is put together at run time. \throws as the one above
    pipeline(pipeline_options options, std::vector<any_part> const& parts)
    {
        auto const what = options.on_finding;
        auto made = begin(std::move(options));
        for (auto const& part : parts) std::visit([&](auto const& p) { made->add(p); }, part);
        adopt(std::move(made), what);
    }

    /// Runs `fn(args...)`, which must return an `asio::awaitable<T>`, inside the policies.
    ///
    /// The function and its arguments are stored in the call and used again for every attempt, as lvalues; an
    /// argument is copied unless it is a temporary or `keel::take(x)`. Lazy: nothing happens until awaited.
    ///
    /// The result is the operation's own: its value, its error in its own type, or its exception. When a
    /// policy ends the call instead, `T` carries the `errc` if it can (see `result_traits`); otherwise it is
    /// thrown as `boost::system::system_error`, once.
    ///
    /// Cancelling the awaiting coroutine (terminal, or what its cancellation state lets through) cancels the
    /// call: it ends with what the operation makes of that, with `operation_aborted` if it was not running,
    /// or with `timed_out` if it was unwinding from a timeout. Under a timeout the operation always sees a
    /// terminal cancellation; without one it is awaited in place, and if it resets the coroutine's
    /// cancellation state it hides the cancellation from the pipeline too.
    template <class Fn, class... Args>
    auto operator()(Fn&& fn, Args&&... args) const&
    {
        return start<detail::as_result>(std::forward<Fn>(fn), std::forward<Args>(args)...);
    }

    /// The same, but gives an `outcome<T>`, which also tells how it came about, and throws nothing of the
    /// operation's or of a policy's. (Asio itself throws when the caller is cancelled before it awaits, a
    /// call for which there is no memory `std::bad_alloc`, and a value whose move throws what that throws,
    /// while it is handed out. `async_run` wants values whose move does not.)
    template <class Fn, class... Args>
    auto run(Fn&& fn, Args&&... args) const&
    {
        return start<detail::as_outcome>(std::forward<Fn>(fn), std::forward<Args>(args)...);
    }

#if KEEL_GUARDS_TEMPORARIES
    /// Give the pipeline a name: this compiler would destroy the options of a temporary one twice beside
    /// `co_await`.
    template <class Fn, class... Args>
    void operator()(Fn&& fn, Args&&... args) const&& = delete;
    template <class Fn, class... Args>
    void run(Fn&& fn, Args&&... args) const&& = delete;
#endif

    /// The same for callers that are no coroutine, with any completion token for `void(outcome<T>)`: a
    /// callback, `use_future`, `deferred`, `as_tuple(...)`, `use_awaitable`.
    ///
    ///     payments.async_run(strand, charge, [](keel::outcome<receipt> o) { ... });
    ///
    /// The call runs on `executor`, which must be serial, in a scope of its own (see `co_spawn`). The token's
    /// handler is invoked on its own executor, or on this one if it has none; its allocator and cancellation
    /// slot are honoured (a terminal cancellation ends the call, the other types are ignored, as `co_spawn`
    /// does by default). A call that is cancelled before it begins ends with `operation_aborted`, and one for
    /// which there is no memory with `std::bad_alloc`, in the outcome; if there is none even to start it,
    /// that is thrown here, and the handler is destroyed without being called. So it is if the context dies
    /// first.
    template <class Fn, class Token>
    auto async_run(asio::any_io_executor executor, Fn&& fn, Token&& token) const
    {
        return begin_call(detail::executor_given{std::move(executor)}, std::forward<Fn>(fn), token);
    }

    /// The same on the executor of the token's handler, which must have one: a coroutine that says
    /// `use_awaitable`, or a handler with `bind_executor`.
    template <class Fn, class Token>
    auto async_run(Fn&& fn, Token&& token) const
    {
        return begin_call(detail::executor_of_handler(), std::forward<Fn>(fn), token);
    }

    /// The same pipeline, for calls that want something else than it says:
    /// `p.with(overrides().no_retry())(fn)`.
    overridden_pipeline with(overrides wanted) const;

    /// What it is made of.
    pipeline_description describe() const { return detail::describe(*terms_->by); }

    /// What does not go together in it, but for what it accepts. Empty: nothing was found.
    std::vector<lint_finding> lint() const { return detail::lint(*terms_->by); }

    /// The option. Valid as long as a copy of the pipeline lives.
    std::string const& name() const noexcept { return terms_->by->name; }
    /// How many policies it has, with those of pipelines inside it. Classifiers are none.
    std::size_t size() const noexcept { return terms_->by->steps.size(); }

    /// Operations that a timeout abandoned and that are still running.
    std::size_t orphans() const noexcept { return terms_->by->orphans.load(std::memory_order_relaxed); }

private:
    friend class overridden_pipeline;
    friend struct detail::custody;

    static std::shared_ptr<detail::plan> begin(pipeline_options);
    void adopt(std::shared_ptr<detail::plan> made, on_finding);

    template <class Part>
    static void add(detail::plan& to, Part const& part)
    {
        if constexpr (std::same_as<Part, pipeline>) {
            to.add(*part.terms_->by);
            to.inserted.push_back(part.terms_->by);
        } else {
            to.add(part);
        }
    }

    template <class Where, class Fn, class Token>
    auto begin_call(Where where, Fn&& fn, Token& token) const
    {
        using function = std::decay_t<Fn>;
        using T = typename detail::operation_of<function>::awaited;
        auto call = [by = terms_.for_call(), fn = function(std::forward<Fn>(fn))]() mutable {
            return detail::drive<detail::as_outcome, T>(
                {}, by, detail::operation<function>(std::in_place, std::move(fn)));
        };
        using initiated = decltype(asio::async_initiate<Token, void(outcome<T>)>(
            detail::initiate_call<T, Where>{std::move(where)}, token, std::move(call)));
        static_assert(!detail::is_awaited_later<initiated> || !detail::is_doomed_temporary<Fn>,
                      KEEL_DOOMED_CLOSURE);
        return asio::async_initiate<Token, void(outcome<T>)>(
            detail::initiate_call<T, Where>{std::move(where)}, token, std::move(call));
    }

    template <class Edge, class Fn, class... Args>
    auto start(Fn&& fn, Args&&... args) const
    {
        static_assert(!detail::is_doomed_temporary<Fn>, KEEL_DOOMED_CLOSURE);
        static_assert(
            !(detail::is_doomed_temporary<Args> || ...),
            "keel: this compiler destroys a temporary aggregate twice when a member has a destructor and "
            "it stands next to co_await. Give the object a name and pass that (it is copied), or pass "
            "keel::take(name) to move it.");
        using made = detail::operation_of<std::decay_t<Fn>, typename detail::stored_argument<Args>::type...>;
        return detail::drive<Edge, typename made::awaited>(
            {}, terms_.for_call(),
            typename made::type(std::in_place, std::forward<Fn>(fn),
                                detail::stored_argument<Args>::unwrap(args)...));
    }

    detail::shared_terms terms_;
};

/// A pipeline together with what some calls want otherwise. Shares the pipeline's policies; as thread-safe as
/// it.
class overridden_pipeline
{
public:
    overridden_pipeline(pipeline of, overrides wanted) : calls_(std::move(of))
    {
        calls_.terms_ =
            detail::shared_terms(std::make_shared<detail::terms const>(calls_.terms_->by, std::move(wanted)));
    }

    /// As with a pipeline.
    template <class Fn, class... Args>
    auto operator()(Fn&& fn, Args&&... args) const
    {
        return calls_(std::forward<Fn>(fn), std::forward<Args>(args)...);
    }

    /// As with a pipeline.
    template <class Fn, class... Args>
    auto run(Fn&& fn, Args&&... args) const
    {
        return calls_.run(std::forward<Fn>(fn), std::forward<Args>(args)...);
    }

    /// As with a pipeline.
    template <class... Args>
    auto async_run(Args&&... args) const
    {
        return calls_.async_run(std::forward<Args>(args)...);
    }

private:
    pipeline calls_;
};

inline overridden_pipeline pipeline::with(overrides wanted) const { return {*this, std::move(wanted)}; }

} // namespace keel
