#pragma once

#include <keel/async/gate.hpp>
#include <keel/async/permit.hpp>
#include <keel/async/run_on.hpp>
#include <keel/policy/bulkhead.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

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

    /// A bulkhead whose calls run their operation on another executor, typically a `limited_executor` over a
    /// thread pool, so that work that blocks or computes has threads of its own. In a pipeline only: all else
    /// of the call, its other policies and a fallback's answer too, stays on the caller's executor, and there
    /// the caller is resumed.
    ///
    /// The operation inherits the call's deadline and context, and its end comes back as it is: value, error
    /// or exception. A cancellation is passed on to it, and waited for. If the executor has no place for it,
    /// the call ends as rejected by this bulkhead, with `errc::queue_full`. When a pipeline has several such
    /// bulkheads, the innermost decides.
    ///
    /// The operation must own what it uses, as under `abandon`, for its caller may be destroyed with its
    /// context while the operation runs in another thread: otherwise the call ends with
    /// `errc::operation_not_owned`.
    /// \throws invalid_options
    bulkhead(bulkhead_options options, run_on where) : bulkhead(std::move(options))
    {
        runs_on_ = std::move(where);
    }

    /// A permit, or a refusal with `errc::bulkhead_full` when every permit is taken or somebody waits. Settle
    /// it with any verdict.
    /// \param now by the clock of the calls that wait: under virtual time, that of their context
    /// \param weight how many units of `max_concurrent` the call takes; more than there are is always
    ///               refused, and 0 is taken for 1
    permit try_acquire(time_point now = steady_now(), std::uint32_t weight = 1) const;

    /// Admits this many from now on, while calls run and wait. Nobody loses a permit or a place in the queue:
    /// growing lets waiters in at once; shrinking admits nobody until enough calls have ended. Only a waiter
    /// that can never fit, because its weight is more than the new size, ends with
    /// `errc::bulkhead_wait_expired`.
    /// \param max_concurrent at least 1
    /// \throws invalid_options
    void resize(std::size_t max_concurrent, time_point now = steady_now()) const;

    /// What is in flight and what waits at this moment.
    bulkhead_snapshot snapshot() const;

    /// What a pipeline sees of it, without `runs_on`. Never null.
    std::shared_ptr<gate> as_gate() const;

    /// Where its operations run. Nothing: where their callers are.
    std::optional<run_on> const& runs_on() const noexcept { return runs_on_; }

private:
    class cell;
    std::shared_ptr<cell> cell_;
    std::optional<run_on> runs_on_;
};

} // namespace keel
