#pragma once

#include <keel/async/moment.hpp>
#include <keel/core/chance.hpp>
#include <keel/core/failure.hpp>
#include <keel/core/time.hpp>
#include <keel/core/verdict.hpp>

#include <cstdint>
#include <memory>
#include <string_view>
#include <variant>

namespace keel {

/// What a loop is told of an attempt that has ended. Valid during the loop's function only.
struct attempt_end
{
    /// The time.
    moment& now;
    /// What the attempt means to the policies.
    verdict what;
    /// What went wrong, if anything did.
    failure const& why;
    /// How often the operation has been started in this call.
    std::uint32_t attempts;
    /// When the call must be over. `time_point::max()`: no limit.
    time_point deadline;
    /// A draw for jitter, from the context's seedable source.
    chance draw;
};

/// The attempt's end is the loop's end: hand it on, outwards.
struct pass_on
{};
/// Run everything inside the loop again after this pause. Not negative.
struct run_again
{
    duration after{};
};
/// End with this error in place of the attempt's own. Without one it is `pass_on`.
struct fail_with
{
    error_code error{};
};

/// What a loop wants.
using loop_action = std::variant<pass_on, run_again, fail_with>;

/// One call's way through a loop: made when the call comes, destroyed when it has left, or is destroyed on
/// its way. On the call's executor only.
class loop_run
{
public:
    loop_run() = default;
    loop_run(loop_run const&) = delete;
    loop_run& operator=(loop_run const&) = delete;
    virtual ~loop_run() = default;

    /// An attempt has ended. Not asked when the caller has cancelled, when a limit further out has passed, or
    /// when a predicate threw: those end the call. What it throws ends the call with just that.
    ///
    /// A pause that would reach the call's deadline is not waited for: the attempt's end is handed on at
    /// once.
    virtual loop_action attempt_ended(attempt_end const&) = 0;
};

/// A policy that runs what is inside it, and may do so again, written by a user (see
/// docs/writing_policies.md). Shared by the calls of every pipeline that holds it; thread-safe if they run on
/// several threads.
class loop
{
public:
    loop() = default;
    loop(loop const&) = delete;
    loop& operator=(loop const&) = delete;
    virtual ~loop() = default;

    /// For events and outcomes. Lives as long as the loop.
    virtual std::string_view name() const noexcept = 0;

    /// A call comes in. Must not return null. What it throws ends the call with just that.
    virtual std::unique_ptr<loop_run> begin(moment& now) const = 0;

    /// As with a gate. Default: nothing, for what a loop knows it keeps in its `loop_run`.
    virtual std::string_view state_to_keep([[maybe_unused]] time_point now) const noexcept { return {}; }
};

} // namespace keel
