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
    orphan_luggage(std::shared_ptr<terms const> by, std::uint32_t attempt, runtime& context)
        : by_(std::move(by)),
          attempt_(attempt),
          context_(context)
    {
        held_.reserve(made_of().steps.size());
    }
    orphan_luggage(orphan_luggage const&) = delete;
    orphan_luggage& operator=(orphan_luggage const&) = delete;

    ~orphan_luggage()
    {
        if (!left_by_) return;
        moment now(context_.time());
        auto const v = visit{.now = now, .attempts = attempt_, .from = by_->origin};
        made_of().orphans.fetch_sub(1, std::memory_order_relaxed);
        for (auto const& [held, pass] : held_) held->settle(pass, verdict::ignored, v);
        telemetry::emit(v.from.observer, telemetry::orphan_ended{v.by(name_of(made_of().steps[*left_by_]))});
    }

    /// The operation is abandoned, by this step.
    void leave(std::size_t by) noexcept
    {
        left_by_ = by;
        made_of().orphans.fetch_add(1, std::memory_order_relaxed);
    }

    void add(std::shared_ptr<gate> held, grant const& pass) { held_.emplace_back(std::move(held), pass); }

private:
    plan const& made_of() const noexcept { return *by_->by; }

    std::shared_ptr<terms const> by_;
    std::uint32_t attempt_;
    std::optional<std::size_t> left_by_;
    runtime& context_;
    std::vector<std::pair<std::shared_ptr<gate>, grant>> held_;
};

} // namespace keel::detail
