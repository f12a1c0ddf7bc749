#pragma once

#include <keel/core/option_faults.hpp>
#include <keel/core/time.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

// A retry budget protects a struggling dependency from the retries of all its callers together: it bounds the
// extra load that retries may add. One budget is shared by every call to one target.
//
// It does not decide whether one error is worth a retry, nor when: `retry` does.

namespace keel {

/// A bucket that starts full, pays out one token per retry, and is filled by successes, of first tries and
/// retries alike: there are never more retries than `size + deposit * successes`. When nothing succeeds there
/// is nothing to spend, so retries cannot keep an outage alive. The default. After Brooker, "Fixing retries
/// with token buckets and circuit breakers" (2022).
struct success_bucket
{
    std::size_t size = 100; ///< Tokens when full, and at the start: 1 to 1 000 000.
    double deposit = 0.2;   ///< Tokens per success, to three decimals: 0 to 1.
};

/// gRPC's throttle (gRFC A6): starts at `max_tokens`, loses one per retryable failure, gains `ratio` per
/// success, and stays between 0 and `max_tokens`; retries are allowed while more than half of the tokens are
/// left, and cost none. A failure is counted before its own retry is asked for.
struct failure_threshold
{
    std::size_t max_tokens = 100; ///< Tokens when full, and at the start: 1 to 1 000 000.
    double ratio = 0.1;           ///< Tokens per success, to three decimals: 0 to 1.
};

/// In the last `ttl` at most `ratio * requests + min_per_second * ttl` retries, rounded down (as in Finagle,
/// with its defaults). A request is a call that reaches the retry, however often it is tried. Funded by
/// requests: where load * (1 + ratio) exceeds what the target can bear, retries keep the overload alive.
struct ratio_window
{
    duration ttl = std::chrono::seconds(10); ///< 1 ms to 1 h, in ten slices.
    std::size_t min_per_second = 10;         ///< Retries that need no requests: 0 to 1 000 000.
    double ratio = 0.2;                      ///< Retries per request, to two decimals: 0 to 10.
};

/// At one time, `ratio * calls` in flight may be retries, rounded down, and `min_retries` in any case (as in
/// Envoy's retry budget, with its defaults). A call is in flight from when it reaches the retry until it
/// leaves it; a retry in its pause is not. Funded by requests, as `ratio_window` is. It does not bound
/// retries per second: those that fail at once make room for the next.
struct concurrency_share
{
    double ratio = 0.2;          ///< Retries per call, to two decimals: 0 to 1.
    std::size_t min_retries = 3; ///< 0 to 1 000 000.
};

/// A bucket that starts full, in which a retry after a timeout costs more (as in the standard mode of the AWS
/// SDKs, with its original costs). A first try that succeeds gives one token back; a retry that succeeds
/// gives back what it cost, or one token if it was free.
struct retry_cost
{
    std::size_t capacity = 500;     ///< Tokens when full, and at the start: 1 to 1 000 000.
    std::size_t retry = 5;          ///< Tokens per retry: 0 to `capacity`.
    std::size_t after_timeout = 10; ///< The same after `errc::timed_out`: 0 to `capacity`.
};

struct retry_budget_options
{
    /// By which rule retries are granted.
    std::variant<success_bucket, failure_threshold, ratio_window, concurrency_share, retry_cost> kind =
        success_bucket{};
};

/// Every option out of range. Empty when the options can be used.
option_faults validate(retry_budget_options const&);

/// The name of the alternative: `success_bucket`, ...
std::string_view name_of_kind(retry_budget_options const&) noexcept;

struct retry_budget_snapshot
{
    /// Retries that could start now: whole tokens, the window's balance, free places, or what the tokens buy
    /// at the price `retry`, or 1 if that is 0. Of a `failure_threshold`: failures until it refuses.
    std::size_t available = 0;
    /// Thousandths of a token, for the kinds that hold tokens.
    std::size_t tokens_milli = 0;
    /// Logical calls and retries in flight, for the concurrency kind.
    std::size_t active_calls = 0;
    std::size_t active_retries = 0;
};

namespace policy {

/// Why a retry is asked for. Only `retry_cost` tells them apart.
enum class retry_cause : std::uint8_t
{
    error,
    timeout
};

/// The budget's decisions: a plain value, told the time. Not thread-safe.
///
/// The order of one call: `call_started`; after each attempt `succeeded` or `failed`; before each retry
/// begins `try_retry`, and when that retry is over `retry_ended`; at last `call_ended`.
class retry_budget
{
public:
    /// \throws invalid_options
    explicit retry_budget(retry_budget_options);

    void call_started(time_point now);
    void call_ended();

    /// An attempt succeeded. `refund` is what `try_retry` charged for it; 0 for a first try.
    void succeeded(std::size_t refund);
    /// An attempt failed in a way that a retry may cure.
    void failed();

    /// Would `try_retry` grant now?
    bool has_retry(retry_cause, time_point now) const;
    /// Takes the cost of one retry, if the budget has it.
    bool try_retry(retry_cause, time_point now);
    void retry_ended();

    /// Whether `call_started` and `call_ended` matter to this kind. The others may be spared them.
    bool counts_calls() const noexcept;
    /// Whether a success would change nothing.
    bool is_full() const noexcept;

    /// Whether retries are refused now that a new budget would grant.
    bool is_spent(time_point now) const;

    /// What one retry costs, for the refund. 0 for every kind but `retry_cost`.
    std::size_t cost(retry_cause) const;

    retry_budget_options const& options() const noexcept { return options_; }
    retry_budget_snapshot snapshot(time_point now) const;

private:
    struct milli_tokens
    {
        std::size_t level;
    };
    struct slice
    {
        std::size_t requests = 0;
        std::size_t retries = 0;
    };
    struct slices
    {
        std::array<slice, 10> ring{};
        std::int64_t newest = 0;
    };
    struct in_flight
    {
        std::size_t calls = 0;
        std::size_t retries = 0;
    };
    struct cost_tokens
    {
        std::size_t level;
    };

    bool grants(success_bucket const&, retry_cause, time_point) const;
    bool grants(failure_threshold const&, retry_cause, time_point) const;
    bool grants(ratio_window const&, retry_cause, time_point now) const;
    bool grants(concurrency_share const&, retry_cause, time_point) const;
    bool grants(retry_cost const&, retry_cause, time_point) const;

    slice& current_slice(ratio_window const&, time_point now);
    std::size_t balance(ratio_window const&, time_point now) const;
    std::size_t allowed(concurrency_share const&) const;

    retry_budget_options options_;
    std::variant<milli_tokens, slices, in_flight, cost_tokens> state_;
};

} // namespace policy
} // namespace keel
