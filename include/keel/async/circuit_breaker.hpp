#pragma once

#include <keel/async/gate.hpp>
#include <keel/async/permit.hpp>
#include <keel/policy/circuit_breaker.hpp>
#include <keel/telemetry/sink.hpp>

#include <memory>
#include <utility>

namespace keel {

/// A circuit breaker: a cheap handle to shared state. Copies are the same breaker, in a pipeline or outside
/// one. Thread-safe.
///
/// Outside a pipeline, ask first and report afterwards, from any code:
/// `auto p = breaker.try_acquire(); if (p) { ...; p.settle(verdict::success); }`.
class circuit_breaker
{
public:
    /// \throws invalid_options naming every option that is out of range
    explicit circuit_breaker(circuit_breaker_options = {});

    /// A permit, or a refusal with its reason and, when open, the time to try again: `errc::circuit_open`,
    /// `circuit_half_open` or `circuit_forced_open`.
    permit try_acquire(time_point now) const;
    /// The same now, by the machine's clock, which is read if the breaker needs it.
    permit try_acquire() const;

    /// Refuse every call until `force_close`.
    void force_open(time_point now = steady_now()) const;
    /// Close, with a clean history. Calls in flight are not counted any more.
    void force_close(time_point now = steady_now()) const;

    /// As the last call left it: `open` also when the period is over and no call has come yet.
    circuit_state state() const;
    /// What it looks like at `now`. Looking changes nothing.
    circuit_breaker_snapshot snapshot(time_point now = steady_now()) const;

    /// State changes go to this sink and no longer to that of the pipeline whose call causes them. Null:
    /// undo.
    void observe(std::shared_ptr<telemetry::sink>) const;

    /// What a pipeline sees of it. Never null.
    std::shared_ptr<gate> as_gate() const;

private:
    friend class circuit_breaker_registry;
    class cell;
    class own_cell;

    explicit circuit_breaker(std::shared_ptr<cell> c) noexcept : cell_(std::move(c)) {}

    std::shared_ptr<cell> cell_;
};

} // namespace keel
