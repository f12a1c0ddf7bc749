#pragma once

#include <keel/telemetry/event.hpp>

namespace keel::telemetry {

/// Receives events. `on` is called on the thread that caused the event, outside every lock of the library,
/// and from several threads at once when policies are shared. It should be quick: the call waits for it.
class sink
{
public:
    sink() = default;
    sink(sink const&) = delete;
    sink& operator=(sink const&) = delete;
    virtual ~sink() = default;

    /// What it throws is dropped: an observer cannot break a call.
    virtual void on(event const&) = 0;

    /// Less severe events are not sent, nor even made: `debug` costs a clock read or two for every call.
    /// Asked for each call and event; thread-safe.
    virtual severity least_severity() const noexcept { return severity::info; }
};

/// Tells `to`, if there is one and the event is severe enough for it.
void emit(sink* to, event const&) noexcept;

} // namespace keel::telemetry
