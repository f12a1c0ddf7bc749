#pragma once

#include <keel/async/bulkhead.hpp>
#include <keel/async/circuit_breaker.hpp>
#include <keel/async/fallback.hpp>
#include <keel/async/gate.hpp>
#include <keel/async/rate_limiter.hpp>
#include <keel/async/retry.hpp>
#include <keel/async/timeout.hpp>
#include <keel/core/failure.hpp>
#include <keel/pipeline/classifier.hpp>
#include <keel/telemetry/sink.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>
#include <variant>
#include <vector>

namespace keel {

/// One part of a pipeline, of any kind: for lists that are put together at run time.
using any_part = std::variant<timeout, retry, fallback, circuit_breaker, bulkhead, rate_limiter, classifier>;

} // namespace keel

namespace keel::detail {

struct gate_step
{
    std::shared_ptr<gate> held;
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

using any_step = std::variant<gate_step, timeout_step, retry_step, fallback_step>;

std::string_view name_of(any_step const&) noexcept;

/// What a pipeline is made of. Does not change once the pipeline is built, and is shared by its calls.
struct plan
{
    std::string name;
    std::shared_ptr<telemetry::sink> sink;
    std::vector<any_step> steps; ///< Outermost first.
    std::vector<std::shared_ptr<typed_judge const>> judges;
    bool may_abandon = false;

    /// Operations that were abandoned and have not ended yet.
    mutable std::atomic<std::size_t> orphans{0};

    void add(circuit_breaker const& p) { steps.emplace_back(gate_step{p.as_gate()}); }
    void add(bulkhead const& p) { steps.emplace_back(gate_step{p.as_gate()}); }
    void add(rate_limiter const& p) { steps.emplace_back(gate_step{p.as_gate()}); }
    void add(retry const& p) { steps.emplace_back(retry_step{p.options(), p.budget()}); }
    void add(fallback const& p)
    {
        steps.emplace_back(fallback_step{std::make_shared<fallback_state const>(*p.state())});
    }
    /// \throws std::invalid_argument when the type has a classifier already
    void add(classifier const&);
    void add(timeout const& p)
    {
        steps.emplace_back(timeout_step{p.options()});
        may_abandon = may_abandon || p.options().on_expiry.may_abandon();
    }
    void add(any_part const& p)
    {
        std::visit([this](auto const& part) { add(part); }, p);
    }

    template <class T>
    judge_of<T> const* judge_for() const noexcept
    {
        for (auto const& j : judges)
            if (*j->judges == typeid(T)) return static_cast<judge_of<T> const*>(j.get());
        return nullptr;
    }
};

} // namespace keel::detail
