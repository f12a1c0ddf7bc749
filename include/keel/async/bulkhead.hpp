#pragma once

#include <keel/async/gate.hpp>
#include <keel/async/permit.hpp>
#include <keel/policy/bulkhead.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>

namespace keel {

/// A bulkhead: a cheap handle to shared state. Copies are the same bulkhead. Thread-safe.
///
/// In a pipeline a call may wait in its queue; the wait counts against the call's timeouts, can be cancelled,
/// and is first in, first out. Outside one, `try_acquire` never waits.
class bulkhead
{
public:
    /// \throws invalid_options naming every option that is out of range
    explicit bulkhead(bulkhead_options = {});

    /// A permit, or a refusal when every permit is taken or somebody waits. Settle it with any verdict.
    /// \param now by the clock of the calls that wait: under virtual time, that of their context
    /// \param weight how many units of `max_concurrent` the call takes; more than there are is always refused
    permit try_acquire(time_point now = steady_now(), std::uint32_t weight = 1) const;

    /// Admits this many from now on, while calls run and wait. Nobody loses a permit or a place in the queue:
    /// growing lets waiters in at once; shrinking admits nobody until enough calls have ended. Only a waiter
    /// that can never fit, because its weight is more than the new size, ends with
    /// `errc::bulkhead_wait_expired`.
    /// \param max_concurrent at least 1
    /// \throws invalid_options
    void resize(std::size_t max_concurrent, time_point now = steady_now()) const;

    bulkhead_snapshot snapshot() const;

    std::shared_ptr<gate> as_gate() const;

private:
    class cell;
    std::shared_ptr<cell> cell_;
};

} // namespace keel
