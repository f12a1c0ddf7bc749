#pragma once

#include <keel/async/moment.hpp>
#include <keel/async/part_description.hpp>
#include <keel/core/admission.hpp>
#include <keel/core/failure.hpp>
#include <keel/core/grant.hpp>
#include <keel/core/verdict.hpp>
#include <keel/core/waiter.hpp>
#include <keel/telemetry/sink.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace keel {

/// A call that waits for its turn at a gate. The gate wakes it once: with a permit, or because its wait is
/// over.
class turn_waiter : public waiter
{
public:
    /// Called by the gate, on any thread and under its lock, so that a waiter that withdraws has either been
    /// told or never will be. Only posts. `granted` tells which of the two it is.
    virtual void turn_came() = 0;

protected:
    ~turn_waiter() = default;
};

/// Whose call it is, as events tell it.
struct call_origin
{
    /// The pipeline's name. Empty when the policy is used without one.
    std::string_view pipeline{};
    /// Which pipeline of that name it is, and what the caller calls the operation, if they say.
    std::string_view instance{};
    std::string_view operation{};

    /// Hears of a state change that the call causes, unless the gate has a sink of its own. May be null.
    telemetry::sink* observer = nullptr;
};

inline constexpr call_origin no_pipeline{};

/// What a gate is told of the call that stands before it. Valid during the gate's function only.
struct visit
{
    /// The time. A gate that does not need it does not ask, and spares the call reading the clock.
    moment& now;

    /// The call, if it can wait; its `deadline` says for how long. Null: nothing is ever queued or reserved.
    turn_waiter* waiter = nullptr;

    /// How many units of the gate's capacity the call takes.
    std::uint32_t weight = 1;

    /// How often the call has started its operation so far, for events.
    std::uint32_t attempts = 0;

    call_origin const& from = no_pipeline;

    /// Who reports what this visit causes.
    telemetry::origin by(std::string_view policy) const noexcept
    {
        return {from.pipeline, policy, now(), from.instance, from.operation, attempts};
    }
};

/// A policy that says who may go in and hears how it went: circuit breaker, bulkhead, rate limiter, and what
/// users write themselves (see docs/writing_policies.md).
///
/// Shared by every pipeline and every piece of callback code that holds a handle to it, and thread-safe.
/// Nothing here suspends, and no user code runs under the gate's lock; a waiter's `turn_came` only posts.
class gate
{
public:
    gate() = default;
    gate(gate const&) = delete;
    gate& operator=(gate const&) = delete;
    virtual ~gate() = default;

    /// For events and outcomes. Always the same, and lives as long as the gate.
    virtual std::string_view name() const noexcept = 0;

    /// What it is, for people and for `lint`. Only looks. Thread-safe. Default: a `gate` of that name.
    virtual part_description describe() const
    {
        return {.kind = "gate", .name = std::string(name()), .options = {}, .longest_wait = {}};
    }

    /// May a call go in now? What it throws ends the call with just that.
    virtual admission admit(visit const&) = 0;

    /// The same for the usual call: lets it in if that is a matter of course, and else does nothing at all,
    /// whereupon `admit` is asked. Only for speed; a gate need not have it.
    /// \param v    its `waiter` may be null although the call can wait, and later in `settle` too
    /// \param pass to be filled in, all of it, when true
    virtual bool admit_at_once([[maybe_unused]] visit const& v, [[maybe_unused]] grant& pass) noexcept
    {
        return false;
    }

    /// The call that was granted `pass` has ended. Called once for every permit that was granted, also when
    /// the call is destroyed on its way.
    virtual void settle(grant const& pass, verdict, visit const&) noexcept = 0;

    /// Takes a queued call out of the queue. False: its turn has come, or its wait is over; it will be woken.
    /// A gate that queues must override this: with the default, a call that is cancelled or out of time waits
    /// for its turn all the same.
    virtual bool withdraw(turn_waiter&, visit const&) noexcept { return false; }

    /// A reservation (`wait_until`) will not be used. Default: nothing, and what was reserved is lost.
    virtual void give_back(grant const&, visit const&) noexcept {}

    /// What a failure means to this gate: the policy's own predicate. Asked before it is told of a failure or
    /// of throttling. Default: `v`. What it throws ends the call; the gate is told `v` then.
    virtual verdict narrow(verdict v, failure const&) const { return v; }

    /// Whether a permit stands for capacity in use, and so stays taken by an abandoned operation until it
    /// ends. Default: no, it is settled when the call ends.
    virtual bool holds_capacity() const noexcept { return false; }

    /// What would be lost if the gate were forgotten now and made anew: a word for people, such as `open`.
    /// Empty: nothing. A `pipeline_family` asks before it drops an entry, while no call is inside. Only
    /// looks; the words live as long as the gate. Default: nobody but the gate can tell, so it is kept.
    virtual std::string_view state_to_keep([[maybe_unused]] time_point now) const noexcept
    {
        return "unknown";
    }
};

} // namespace keel
