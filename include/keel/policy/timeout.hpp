#pragma once

#include <keel/core/option_faults.hpp>
#include <keel/core/time.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

// A timeout protects the caller from waiting for ever: it bounds how long whatever stands inside it may take,
// retries, pauses and waits in queues included.
//
// It does not make an operation stop that ignores cancellation: it cancels, and then waits, unless told to
// abandon. It does not repeat anything (`retry` does).

namespace keel {

/// What a timeout does about an operation that is still running when the limit passes. It always cancels
/// first.
class on_expiry
{
public:
    /// \param grace how long to wait for the operation before it is left behind; `nullopt`: for ever
    constexpr explicit on_expiry(std::optional<duration> grace) : grace_(grace) {}

    constexpr bool may_abandon() const noexcept { return grace_.has_value(); }
    constexpr std::optional<duration> grace() const noexcept { return grace_; }

private:
    std::optional<duration> grace_;
};

/// Wait until the operation has unwound. The call may return late, but nothing of it is still running.
inline constexpr on_expiry cooperate{std::nullopt};

/// Cooperate for this long, then return. The operation goes on as an orphan until it ends by itself: it keeps
/// the permits of every bulkhead inside the timeout, and must own everything it uses. Not negative.
constexpr on_expiry grace(duration d) { return on_expiry(d); }

/// Return as soon as the operation has had one turn of the event loop to unwind: `grace` of no length.
inline constexpr on_expiry abandon = grace(duration::zero());

struct timeout_options
{
    /// Shown in events and outcomes.
    std::string name = "timeout";

    /// How long everything inside may take. 0 or less: the call ends with `errc::timed_out` without starting
    /// the operation.
    duration limit = std::chrono::seconds(30);

    /// What happens to an operation that is still running then.
    keel::on_expiry on_expiry = cooperate;
};

/// Every option out of range. Empty when the options can be used.
option_faults validate(timeout_options const&);

struct timeout_snapshot
{
    duration limit{};
    bool in_grace = false; ///< The limit has passed, and the operation is given a little longer to unwind.
};

namespace policy {

/// Keep waiting for the operation to unwind.
struct await_operation
{
    friend bool operator==(await_operation const&, await_operation const&) = default;
};

/// Wait for the operation until then, and ask again.
struct await_until
{
    time_point at;
    friend bool operator==(await_until const&, await_until const&) = default;
};

/// Leave the operation behind.
struct abandon_operation
{
    friend bool operator==(abandon_operation const&, abandon_operation const&) = default;
};

using timeout_action = std::variant<await_operation, await_until, abandon_operation>;

/// One call's time limit: a plain value, told the time.
class timeout
{
public:
    /// \param options     must be valid and outlive the object
    /// \param grace_given whether the grace period has begun already
    explicit timeout(timeout_options const& options, bool grace_given = false) noexcept
        : options_(&options),
          grace_given_(grace_given)
    {}

    /// When the limit that starts at `now` passes.
    time_point deadline(time_point now) const noexcept { return saturating_add(now, options_->limit); }

    /// The deadline, or the end of the grace period, has come and the operation has been told to stop.
    timeout_action expired(time_point now) noexcept;

    timeout_options const& options() const noexcept { return *options_; }
    timeout_snapshot snapshot() const { return {options_->limit, grace_given_}; }

private:
    timeout_options const* options_;
    bool grace_given_;
};

} // namespace policy
} // namespace keel
