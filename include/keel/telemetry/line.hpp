#pragma once

#include <keel/telemetry/event.hpp>

#include <string>

namespace keel::telemetry {

/// The event as one line of `key=value` pairs (logfmt), without a line end:
/// `event=retry_scheduled pipeline=payments policy=retry attempt=1 next_attempt=2 pause=73ms error="..."
/// code=system:104`.
///
/// Whatever comes from outside is quoted and escaped when it holds anything but plain characters, so that
/// nothing in it can end the line or pretend to be another field.
std::string to_line(event const&);

} // namespace keel::telemetry
