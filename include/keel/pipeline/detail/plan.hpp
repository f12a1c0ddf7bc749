#pragma once

#include <keel/async/bulkhead.hpp>
#include <keel/async/circuit_breaker.hpp>
#include <keel/async/fallback.hpp>
#include <keel/async/gate.hpp>
#include <keel/async/loop.hpp>
#include <keel/async/rate_limiter.hpp>
#include <keel/async/retry.hpp>
#include <keel/async/run_on.hpp>
#include <keel/async/timeout.hpp>
#include <keel/core/failure.hpp>
#include <keel/pipeline/classifier.hpp>
#include <keel/pipeline/judged.hpp>
#include <keel/pipeline/lint.hpp>
#include <keel/pipeline/overrides.hpp>
#include <keel/pipeline/pipeline_description.hpp>
#include <keel/telemetry/sink.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <typeinfo>
#include <variant>
#include <vector>

namespace keel::detail {

struct gate_step
{
    std::shared_ptr<gate> held;
    std::string_view name;    ///< The gate's, which is asked for it once.
    bool never_waits = false; ///< It is one of Keel's, and makes no call wait.
};
struct timeout_step
{
    timeout_options options;
};
struct retry_step
{
    std::shared_ptr<retry_options const> options;
    std::optional<retry_budget> budget;
};
struct fallback_step
{
    std::shared_ptr<fallback_state const> state;
};
struct loop_step
{
    std::shared_ptr<loop const> held;
};

using any_step = std::variant<gate_step, timeout_step, retry_step, fallback_step, loop_step>;

/// The alternatives of `any_step`, for a switch.
enum class step_kind : std::uint8_t
{
    gate,
    timeout,
    retry,
    fallback,
    loop
};
inline step_kind kind_of(any_step const& s) noexcept { return static_cast<step_kind>(s.index()); }

/// A call through so many steps keeps what it holds of them in itself.
inline constexpr std::size_t direct_steps = 6;

std::string_view name_of(any_step const&) noexcept;

/// What results mean: at most one judge per type.
struct rules
{
    /// \throws std::invalid_argument when the type has a judge already
    void add(std::shared_ptr<typed_judge const>);
    /// The judges of another list, for the types that have none here.
    void complete_with(rules const&);

    template <class T>
    judge_of<T> const* judge_for() const noexcept
    {
        for (auto const& j : all)
            if (*j->judges == typeid(T)) return static_cast<judge_of<T> const*>(j.get());
        return nullptr;
    }

    std::vector<std::shared_ptr<typed_judge const>> all;
};

/// What results mean to one step, where that differs from what they mean to the pipeline.
struct rules_of_step
{
    std::size_t step;
    rules judges;
};

/// A bulkhead that has operations run elsewhere.
struct elsewhere
{
    run_on where;
    std::size_t step;
};

/// What a pipeline is made of. Does not change once the pipeline is built, and is shared by its calls.
struct plan
{
    std::string name;
    std::string instance;
    std::shared_ptr<telemetry::sink> sink;
    std::vector<any_step> steps; ///< Outermost first.
    rules judges;
    rules judges_inside; ///< Those of pipelines that stand in this one, until it is complete.
    std::vector<rules_of_step> own_judges;
    std::optional<bool> idempotent;
    std::vector<lint_rule> accepted; ///< Findings that are meant.
    std::optional<elsewhere> runs;   ///< By the innermost that says so. Nothing: on the caller's executor.
    bool may_abandon = false;
    bool has_fallback = false;

    /// Of the steps, for outcomes, which outlive calls: an outcome that somebody keeps must not keep the
    /// pipeline.
    std::shared_ptr<std::vector<std::string> const> names;
    /// Pipelines of others that stand in this one, which are in use for as long as it lives.
    std::vector<std::shared_ptr<plan const>> inserted;

    /// Operations that were abandoned and have not ended yet.
    mutable std::atomic<std::size_t> orphans{0};

    void add(std::shared_ptr<gate>);
    void add(std::shared_ptr<loop const>);
    void add(circuit_breaker const&);
    void add(bulkhead const&);
    void add(rate_limiter const&);
    void add(retry const&);
    void add(fallback const&);
    void add(timeout const&);
    void add(classifier const&);
    template <class Policy>
    void add(judged<Policy> const& p)
    {
        auto& own = own_judges.emplace_back(rules_of_step{steps.size(), {}});
        for (auto const& j : p.judges()) own.judges.add(j);
        add(p.policy());
    }
    /// Whether an operation may go on when the frame of its call is gone, and so must own what it uses.
    bool may_outlive_call() const noexcept { return may_abandon || runs.has_value(); }
    /// The outermost step that makes it so. Only if there is one.
    std::size_t outliving_step() const noexcept;

    /// Whether an operation always runs as it is, in its call's frame, and no fallback answers in its place.
    bool is_plain() const noexcept { return !has_fallback && !may_outlive_call(); }
    /// Whether every value is a success and every error a failure.
    bool judges_nothing() const noexcept { return judges.all.empty() && own_judges.empty(); }

    /// One of Keel's own.
    void add_own(std::shared_ptr<gate>);

    /// The steps of another pipeline, in place of it. Its classifiers judge the types that have none here,
    /// nor in one before it. Its operations are not idempotent: nor are those of the whole.
    void add(plan const& inner);
    /// Nothing is added any more.
    void complete();
};

pipeline_description describe(plan const&);
std::vector<lint_finding> lint(plan const&);
/// Does what is to be done about the findings. \throws questionable_pipeline
void inspect(plan const&, on_finding);

/// What one call is made by: the pipeline's plan, and what this caller wants otherwise.
struct terms
{
    explicit terms(std::shared_ptr<plan const>, overrides = overrides());
    terms(terms const&) = delete;
    terms& operator=(terms const&) = delete;

    std::shared_ptr<plan const> const by;
    overrides const wanted;
    bool const limits_or_names; ///< Whether the caller wants a call to end earlier, or to have a key.
    bool const has_retry;
    bool const is_direct;          ///< Whether a `passage` may try first.
    bool const refusals_end_calls; ///< Nobody hears of a refusal, or makes anything else of it.
    call_origin const origin;      ///< Refers to `by` and `wanted`.
};

} // namespace keel::detail
