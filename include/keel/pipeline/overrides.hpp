#pragma once

#include <keel/core/time.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace keel {

/// What one call wants otherwise than its pipeline says: `p.with(keel::overrides().limit(200ms))(fetch)`.
///
/// Overrides only tighten: a deadline or limit here ends the call earlier than the pipeline would, never
/// later.
class overrides
{
public:
    overrides() {}

    /// The call is cut short then, as by a `timeout` that cooperates: it ends with `errc::timed_out` and
    /// `ended_by::deadline`. A time that has passed: the operation is not started. The earliest one counts.
    /// \param at by the time source of the call's context, see `keel::now`
    overrides& deadline(time_point at)
    {
        deadline_ = deadline_ ? std::min(*deadline_, at) : at;
        return *this;
    }

    /// The same, this long after the call begins. 0 or less: the operation is not started. The shortest one
    /// counts.
    overrides& limit(duration d)
    {
        limit_ = limit_ ? std::min(*limit_, d) : d;
        return *this;
    }

    /// No policy of the pipeline makes a second attempt: for an effect that must not happen twice.
    overrides& no_retry()
    {
        may_retry_ = false;
        return *this;
    }

    /// How many units of every gate's capacity the call takes. At least 1; 0 is taken for 1. Default: 1. What
    /// is more than a gate ever has is refused there. To a circuit breaker every call is one.
    overrides& weight(std::uint32_t units)
    {
        weight_ = std::max(units, std::uint32_t{1});
        return *this;
    }

    /// Names the effect the call is to have once. The operation reads it from `co_await keel::this_call()`,
    /// which needs a scope: a coroutine that `keel::co_spawn` has started, `async_run`, or a timeout in the
    /// pipeline.
    overrides& idempotency_key(std::string key)
    {
        key_ = std::move(key);
        return *this;
    }

    /// What the caller calls the operation. Shown in events.
    overrides& operation(std::string name)
    {
        operation_ = std::move(name);
        return *this;
    }

    // What is wanted by now.

    /// `nullopt`: none but the pipeline's.
    std::optional<time_point> deadline() const noexcept { return deadline_; }
    /// `nullopt`: none but the pipeline's.
    std::optional<duration> limit() const noexcept { return limit_; }
    /// True until `no_retry`.
    bool may_retry() const noexcept { return may_retry_; }
    /// At least 1.
    std::uint32_t weight() const noexcept { return weight_; }
    /// Empty: none.
    std::string const& idempotency_key() const noexcept { return key_; }
    /// Empty: none.
    std::string const& operation() const noexcept { return operation_; }

private:
    std::optional<time_point> deadline_;
    std::optional<duration> limit_;
    std::string key_;
    std::string operation_;
    std::uint32_t weight_ = 1;
    bool may_retry_ = true;
};

} // namespace keel
