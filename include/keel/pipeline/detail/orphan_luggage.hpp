#pragma once

#include <keel/async/detail/runtime.hpp>
#include <keel/async/gate.hpp>
#include <keel/async/moment.hpp>
#include <keel/core/grant.hpp>
#include <keel/core/verdict.hpp>
#include <keel/pipeline/detail/plan.hpp>
#include <keel/telemetry/sink.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace keel::detail {

/// Capacity that an abandoned operation still uses. Goes home when the operation has really ended. Made
/// before the operation begins: when it is abandoned there may be no memory.
class orphan_luggage
{
public:
    orphan_luggage(std::shared_ptr<plan const> p, runtime& context) : plan_(std::move(p)), context_(context)
    {
        held_.reserve(plan_->steps.size());
    }
    orphan_luggage(orphan_luggage const&) = delete;
    orphan_luggage& operator=(orphan_luggage const&) = delete;

    ~orphan_luggage()
    {
        if (!left_by_) return;
        moment now(context_.time());
        auto const from = call_origin{.pipeline = plan_->name, .observer = plan_->sink.get()};
        auto const v = visit{.now = now, .from = from};
        plan_->orphans.fetch_sub(1, std::memory_order_relaxed);
        for (auto const& [held, pass] : held_) held->settle(pass, verdict::ignored, v);
        telemetry::emit(from.observer, telemetry::orphan_ended{v.by(name_of(plan_->steps[*left_by_]))});
    }

    /// The operation is abandoned, by this step.
    void leave(std::size_t by) noexcept
    {
        left_by_ = by;
        plan_->orphans.fetch_add(1, std::memory_order_relaxed);
    }

    void add(std::shared_ptr<gate> held, grant const& pass) { held_.emplace_back(std::move(held), pass); }

private:
    std::shared_ptr<plan const> plan_;
    std::optional<std::size_t> left_by_;
    runtime& context_;
    std::vector<std::pair<std::shared_ptr<gate>, grant>> held_;
};

} // namespace keel::detail
