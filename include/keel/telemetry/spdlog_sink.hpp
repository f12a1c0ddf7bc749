#pragma once

#include <keel/telemetry/sink.hpp>

#include <memory>

namespace spdlog {
class logger;
}

namespace keel::telemetry {

/// Writes every event as one structured line (see `to_line`) to an spdlog logger, at the level of its
/// severity. Every call and every attempt is told of when the logger logs at level `debug`.
///
/// In the CMake target `keel::spdlog`. As thread-safe as the logger.
class spdlog_sink final : public sink
{
public:
    /// \param to null: spdlog's default logger at the time of each event
    explicit spdlog_sink(std::shared_ptr<spdlog::logger> to = nullptr);
    ~spdlog_sink() override;

    void on(event const&) override;
    severity least_severity() const noexcept override;

private:
    spdlog::logger* logger() const noexcept;

    std::shared_ptr<spdlog::logger> to_;
};

} // namespace keel::telemetry
