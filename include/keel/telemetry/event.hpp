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
    std::string_view policy{};   ///< The `name` option of the policy. Empty: the pipeline itself.
    time_point at{};
    std::string_view
        instance{}; ///< Which of the pipelines of that name: the `instance` option, if it has one.
    std::string_view operation{}; ///< What the caller calls the operation: `overrides().operation(...)`.
    /// How often the call had started its operation by then: the number of the attempt it is about, if it is
    /// about one. 0: not yet, or there is no call.
    std::uint32_t attempt = 0;
};

/// A circuit breaker changed its state.
struct circuit_changed
{
    origin by;
    std::string_view from{}; ///< The names of the `circuit_state`s.
    std::string_view to{};
};

/// An operator closed a circuit breaker and cleared its history (`force_close`).
struct circuit_reset
{
    origin by;
};

/// A call ended in a way that says nothing to the circuit breaker, and was not counted.
struct circuit_ignored
{
    origin by;
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
    std::string_view why{}; ///< The name of the `retry_stop`.
    error_code error{};
};

/// A timeout passed.
struct timed_out
{
    origin by;
    duration limit{}; ///< The option. 0: it was a deadline that the call inherited or was given.
    std::string_view
        operation{}; ///< What became of it: `ended`, `abandoned` (still running) or `not_started`.
};

/// A policy refused a call; the operation was not run.
struct rejected
{
    origin by;
    error_code error{};
    std::optional<duration> retry_after{}; ///< From now until it is worth asking again, if anybody knows.
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

/// The operation ran, and this is how it ended. One for each attempt, in order; not for a fallback's answer.
struct attempt_ended
{
    origin by;
    std::string_view verdict{}; ///< What it means to the policies, but for those with rules of their own.
    bool handled = false;       ///< They act on it: it is a `failure` or `throttled`.
    error_code error{};
    duration took{};
};

/// A call is over. One for each call, and its last; none when the context dies first.
struct call_ended
{
    origin by;
    std::string_view ended_by{}; ///< As in the outcome: `operation`, `timeout`, `rejection`...
    std::string_view verdict{};
    error_code error{};
    duration took{};
};

/// A pipeline was built of parts that do not go together.
struct questionable_composition
{
    origin by;
    std::string_view rule{}; ///< The name of the `lint_rule`.
    std::string_view text{};
};

using event = std::variant<circuit_changed, retry_scheduled, retry_stopped, timed_out, rejected, fell_back,
                           orphan_ended, circuit_reset, circuit_ignored, attempt_ended, call_ended,
                           questionable_composition>;

/// How much an event matters to somebody who watches over the service.
enum class severity : std::uint8_t
{
    debug,   ///< Every call and attempt, and what a breaker ignored.
    info,    ///< Something was done about a failure.
    warning, ///< A call was refused, given up or out of time, a circuit changed, a pipeline is questionable.
};

/// The name of the enumerator.
std::string_view to_string(severity) noexcept;

/// The severity of each kind of event.
severity severity_of(event const&) noexcept;

} // namespace keel::telemetry
