#include <keel/telemetry/sink.hpp>

namespace keel::telemetry {

void emit(sink* to, event const& what) noexcept
{
    if (!to || severity_of(what) < to->least_severity()) return;
    try {
        to->on(what);
    } catch (...) { // an observer must not be able to break the call it watches
    }
}

} // namespace keel::telemetry
