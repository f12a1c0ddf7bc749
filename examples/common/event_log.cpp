#include "common/event_log.hpp"

#include <keel/telemetry/spdlog_sink.hpp>

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <utility>

namespace example {

std::shared_ptr<keel::telemetry::sink> log_to_stderr(std::string program)
{
    auto const to_stderr = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto const logger = std::make_shared<spdlog::logger>(std::move(program), to_stderr);
    return std::make_shared<keel::telemetry::spdlog_sink>(logger);
}

} // namespace example
