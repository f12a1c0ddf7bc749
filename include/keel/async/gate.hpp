#pragma once

#include <keel/core/admission.hpp>
#include <keel/core/failure.hpp>
#include <keel/core/grant.hpp>
#include <keel/core/time.hpp>
#include <keel/core/verdict.hpp>
#include <keel/core/waiter.hpp>
#include <keel/telemetry/sink.hpp>

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

/// A policy that says who may go in and hears how it went: circuit breaker, bulkhead, rate limiter.
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

    virtual std::string_view name() const noexcept = 0;

    /// May a call go in at `now`? A call that can wait lends `self`, whose `deadline` says for how long;
    /// without it nothing is ever queued or reserved.
    /// \param observer hears of a state change this causes, unless the gate has a sink of its own
    virtual admission admit(time_point now, turn_waiter* self, telemetry::origin const& by,
                            telemetry::sink* observer) = 0;

    /// The call that was granted `pass` has ended.
    virtual void settle(grant pass, verdict, time_point now, telemetry::origin const& by,
                        telemetry::sink* observer) = 0;

    /// Takes a queued call out of the queue. False: its turn has come, or its wait is over; it will be woken.
    virtual bool withdraw(turn_waiter&) { return false; }

    /// A reservation (`wait_until`) will not be used.
    virtual void give_back(grant, time_point) {}

    /// What a failure means to this gate: the policy's own predicate. May throw what that throws.
    virtual verdict narrow(verdict v, failure const&) const { return v; }

    /// Whether a permit stands for capacity in use, and so stays taken by an abandoned operation until it
    /// ends.
    virtual bool holds_capacity() const noexcept { return false; }
};

} // namespace keel
