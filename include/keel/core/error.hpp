#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>

#include <string>
#include <type_traits>

namespace keel {

using boost::system::error_code;
using boost::system::error_condition;

/// Why Keel itself ended a call, or refused to begin it. Values are never reused or renumbered.
///
/// The operation's own errors are not in this list: they reach the caller unchanged.
enum class errc
{
    /// A time limit passed before the operation gave a result: a timeout of the pipeline, or a deadline that
    /// the call inherited or was given.
    timed_out = 1,
    /// The circuit breaker is open; the dependency was not called.
    circuit_open = 2,
    /// The circuit breaker is half-open and every trial permit is taken.
    circuit_half_open = 3,
    /// An operator has forced the circuit breaker open.
    circuit_forced_open = 4,
    /// The bulkhead has no room for the call, and no place in its queue; or the call weighs more than the
    /// bulkhead holds, and will never have room.
    bulkhead_full = 5,
    /// The call waited in the bulkhead's queue for as long as the bulkhead allows.
    bulkhead_wait_expired = 6,
    /// The rate limiter has no token, and none will come within the time the call may wait.
    rate_limited = 7,
    /// No policy of that name is registered. Keel's registries throw `keel::unknown_name` instead; this is
    /// for look-ups of your own.
    unknown_name = 8,
    /// A fallback holds no alternative of the type the operation returns. A mistake in the program.
    fallback_type_mismatch = 9,
    /// A timeout that may abandon its operation, or a bulkhead that runs it on another executor, was given
    /// one that does not own what it uses.
    operation_not_owned = 10,
    /// The limited executor runs as many functions as it may, and its queue is full.
    queue_full = 11,
    /// Every pipeline or circuit breaker that the registry may hold is in use, so there is no room for
    /// another key's.
    registry_full = 12,
    /// The context is being stopped (`graceful_stop`): the call was refused, or ended.
    shutting_down = 13,
};

/// Groups of errors, for code that asks "was it refused?" and not "by whom?".
///
/// Compare with `==`: `if (error == keel::condition::rejected) ...`.
enum class condition
{
    /// The operation was not run: a policy refused the call.
    rejected = 1,
    /// A time limit of ours passed.
    timed_out = 2,
    /// The same call may succeed later: any rejection but one caused by a mistake, and any time limit.
    transient = 3,
};

/// An `error_code` from an `errc`, also without being called: `error_code e = errc::timed_out`.
error_code make_error_code(errc) noexcept;
/// An `error_condition` from a `condition`, likewise.
error_condition make_error_condition(condition) noexcept;

/// The category of every `errc`, named `keel`.
boost::system::error_category const& keel_category() noexcept;

} // namespace keel

template <>
struct boost::system::is_error_code_enum<keel::errc> : std::true_type
{};

template <>
struct boost::system::is_error_condition_enum<keel::condition> : std::true_type
{};
