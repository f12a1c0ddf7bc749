#pragma once

#include <keel/telemetry/sink.hpp>

#include <memory>
#include <string>

namespace example {

/// Writes Keel's events to stderr, a line each.
std::shared_ptr<keel::telemetry::sink> log_to_stderr(std::string program);

} // namespace example
