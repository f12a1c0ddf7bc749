#include <keel/telemetry/spdlog_sink.hpp>

#include <keel/telemetry/line.hpp>

#include <spdlog/spdlog.h>

#include <utility>

namespace keel::telemetry {
namespace {

spdlog::level::level_enum level_of(severity s)
{
    switch (s) {
    case severity::debug: return spdlog::level::debug;
    case severity::info: return spdlog::level::info;
    case severity::warning: return spdlog::level::warn;
    }
    return spdlog::level::warn;
}

} // namespace

spdlog_sink::spdlog_sink(std::shared_ptr<spdlog::logger> to) : to_(std::move(to)) {}
spdlog_sink::~spdlog_sink() = default;

void spdlog_sink::on(event const& e)
{
    auto const level = level_of(severity_of(e));
    auto* const to = logger();
    if (to && to->should_log(level)) to->log(level, "{}", to_line(e));
}

severity spdlog_sink::least_severity() const noexcept
{
    auto const* const to = logger();
    return to && to->should_log(spdlog::level::debug) ? severity::debug : severity::info;
}

spdlog::logger* spdlog_sink::logger() const noexcept
{
    return to_ ? to_.get() : spdlog::default_logger_raw();
}

} // namespace keel::telemetry
