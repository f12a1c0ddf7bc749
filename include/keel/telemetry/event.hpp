#pragma once

#include <keel/core/error.hpp>
#include <keel/core/time.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

/// Facts that a pipeline or a policy reports, one small struct each. Every string view is valid only during
/// the call to the sink.
namespace keel::telemetry {

/// Who reports, and when.
struct origin
{
    std::string_view pipeline{}; ///< Empty when the policy was used without a pipeline.
    std::string_view policy{};   ///< The `name` option of the policy.
    time_point at{};
};

/// A circuit breaker changed its state.
struct circuit_changed
{
    origin by;
    std::string_view from{};
    std::string_view to{};
};

/// An attempt failed and another will follow after `pause`.
struct retry_scheduled
{
    origin by;
    std::uint32_t next_attempt = 0; ///< 2 is the first retry.
    duration pause{};
    error_code error{};
};

/// A retry loop ended without success.
struct retry_stopped
{
    origin by;
    std::uint32_t attempts = 0; ///< How often the operation was started in this call.
    std::string_view why{};
    error_code error{};
};

/// A timeout passed.
struct timed_out
{
    origin by;
    duration limit{};
    std::string_view
        operation{}; ///< What became of it: `ended`, `abandoned` (still running) or `not_started`.
};

/// A policy refused a call; the operation was not run.
struct rejected
{
    origin by;
    error_code error{};
    std::optional<duration> retry_after{};
};

/// A fallback answered instead of the operation, which had failed with `error`.
struct fell_back
{
    origin by;
    error_code error{};
};

/// An operation that had been abandoned has ended.
struct orphan_ended
{
    origin by;
};

using event = std::variant<circuit_changed, retry_scheduled, retry_stopped, timed_out, rejected, fell_back,
                           orphan_ended>;

} // namespace keel::telemetry
