// A sink that writes to spdlog, with keel::spdlog.

#include <keel/telemetry/spdlog_sink.hpp>

#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>

int main()
{
    std::ostringstream log;
    auto const to_log = std::make_shared<spdlog::sinks::ostream_sink_st>(log);
    keel::telemetry::spdlog_sink sink(std::make_shared<spdlog::logger>("keel", to_log));

    sink.on(keel::telemetry::fell_back{});

    auto const written = log.str().find("fell_back") != std::string::npos;
    if (!written) std::cerr << "the log has: " << log.str() << '\n';
    return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
