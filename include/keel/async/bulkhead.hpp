#pragma once

#include <keel/async/gate.hpp>
#include <keel/async/permit.hpp>
#include <keel/policy/bulkhead.hpp>

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
    permit try_acquire(time_point now = steady_now()) const;

    bulkhead_snapshot snapshot() const;

    std::shared_ptr<gate> as_gate() const;

private:
    class cell;
    std::shared_ptr<cell> cell_;
};

} // namespace keel
