#include <keel/telemetry/spdlog_sink.hpp>

#include <keel/telemetry/line.hpp>

#include <spdlog/spdlog.h>

#include <utility>

namespace keel::telemetry {
namespace {

struct severity
{
    spdlog::level::level_enum operator()(circuit_changed const&) const { return spdlog::level::warn; }
    spdlog::level::level_enum operator()(retry_stopped const&) const { return spdlog::level::warn; }
    spdlog::level::level_enum operator()(timed_out const&) const { return spdlog::level::warn; }
    spdlog::level::level_enum operator()(rejected const&) const { return spdlog::level::warn; }
    spdlog::level::level_enum operator()(retry_scheduled const&) const { return spdlog::level::info; }
    spdlog::level::level_enum operator()(fell_back const&) const { return spdlog::level::info; }
    spdlog::level::level_enum operator()(orphan_ended const&) const { return spdlog::level::info; }
};

} // namespace

spdlog_sink::spdlog_sink(std::shared_ptr<spdlog::logger> to) : to_(std::move(to)) {}
spdlog_sink::~spdlog_sink() = default;

void spdlog_sink::on(event const& e)
{
    auto const level = std::visit(severity{}, e);
    auto* const logger = to_ ? to_.get() : spdlog::default_logger_raw();
    if (logger && logger->should_log(level)) logger->log(level, "{}", to_line(e));
}

} // namespace keel::telemetry
