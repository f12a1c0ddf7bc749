#pragma once

#include <keel/core/chance.hpp>
#include <keel/core/failure.hpp>
#include <keel/core/option_faults.hpp>
#include <keel/core/time.hpp>
#include <keel/core/verdict.hpp>
#include <keel/policy/parts/backoff.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

// Retry protects the caller from failures that pass: it runs a failed operation again, after a growing,
// jittered pause, a bounded number of times.
//
// It does not cut an attempt short (`timeout` inside it does), does not know whether repeating is safe (the
// user must: retry only what is idempotent), and does not protect the dependency from the extra load
// (`retry_budget` and `circuit_breaker` do).

namespace keel {

struct retry_options
{
    /// Shown in events and outcomes.
    std::string name = "retry";

    /// Attempts in all, the first one included. At least 1. `nullopt`: no limit; then `max_duration` is
    /// needed.
    std::optional<std::uint32_t> max_attempts = 3;

    /// No pause ends later than this after the call reached the retry. Above 0. `nullopt`: no limit.
    std::optional<duration> max_duration = std::nullopt;

    /// The pause before each retry.
    keel::backoff backoff = exponential{};

    /// The longest pause a server may ask for. A longer hint ends the retrying: coming back earlier than
    /// asked would be wrong, and waiting longer useless. Not negative.
    duration hint_cap = std::chrono::seconds(60);

    /// Also retry calls that a policy further inside refused (open circuit, full bulkhead, rate limit).
    bool retry_rejected = false;

    /// Asked about each failure: is it worth another attempt? It sees rejections too when `retry_rejected` is
    /// set, and never a cancellation by the caller. If it throws, the call ends with what it threw.
    /// Default: every failure is.
    std::function<bool(failure const&)> retry_if{};
};

/// Every option out of range. Empty when the options can be used.
option_faults validate(retry_options const&);

/// Why a retry loop ended.
enum class retry_stop : std::uint8_t
{
    none,          ///< It has not, or there is no retry in the pipeline.
    success,       ///< The last attempt succeeded.
    not_retryable, ///< The failure is of a kind that is not retried.
    attempts,      ///< `max_attempts` were made.
    max_duration,  ///< The next attempt would begin after `max_duration`.
    deadline,      ///< The deadline of the call had passed, or the pause would have reached it.
    hint_too_long, ///< The server asked for a longer pause than `hint_cap`.
    budget,        ///< The retry budget has nothing left.
    cancelled,     ///< The caller cancelled.
    no_retry,      ///< The call asked for no retries (`overrides::no_retry`).
};

/// The name of the enumerator.
std::string_view to_string(retry_stop) noexcept;

struct retry_snapshot
{
    std::uint32_t attempts = 0; ///< Begun so far.
    std::optional<std::uint32_t> max_attempts{};
    time_point started{}; ///< When the call reached the retry.
};

namespace policy {

/// Run again after `pause`.
struct retry_after
{
    duration pause{};
    friend bool operator==(retry_after const&, retry_after const&) = default;
};

/// Do not run again.
struct give_up
{
    retry_stop why = retry_stop::none;
    friend bool operator==(give_up const&, give_up const&) = default;
};

using retry_action = std::variant<retry_after, give_up>;

/// One call's retry loop: a plain value, told the time and the chance. Not thread-safe.
class retry
{
public:
    /// \param options must be valid and outlive the loop.
    explicit retry(retry_options const& options) noexcept : options_(&options), pauses_(options.backoff) {}

    /// The call has reached the retry, and its first attempt begins. Before anything else.
    void start(time_point now) noexcept
    {
        started_ = now;
        attempts_ = 1;
    }

    /// The running attempt failed in a retryable way. What now?
    /// \param deadline when the call must be over, if it must
    /// \param hint     the least pause the server asked for
    /// \throws what a `custom` backoff throws
    retry_action attempt_failed(time_point now, std::optional<time_point> deadline,
                                std::optional<duration> hint, chance u);

    /// The pause is over: the next attempt begins.
    void attempt_started() noexcept { ++attempts_; }

    /// Attempts begun so far.
    std::uint32_t attempts() const noexcept { return attempts_; }
    retry_options const& options() const noexcept { return *options_; }
    retry_snapshot snapshot() const { return {attempts_, options_->max_attempts, started_}; }

    /// The rule itself: may retry number `number` follow (1 is the first), and after which pause?
    /// \param time_left until the deadline; `nullopt` for none
    /// \throws what a `custom` backoff throws
    retry_action decide(std::uint32_t number, std::optional<duration> time_left, std::optional<duration> hint,
                        chance u);

private:
    retry_options const* options_;
    backoff_sequence pauses_;
    time_point started_{};
    std::uint32_t attempts_ = 0;
};

} // namespace policy
} // namespace keel
