#pragma once

#include <keel/telemetry/sink.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace keel::testing {

/// A sink that keeps every event as its line. For one thread.
class recorder final : public telemetry::sink
{
public:
    /// \param least `debug`: of every call and attempt too
    explicit recorder(telemetry::severity least = telemetry::severity::info) : least_(least) {}

    void on(telemetry::event const&) override;
    telemetry::severity least_severity() const noexcept override { return least_; }

    std::vector<std::string> const& lines() const noexcept { return lines_; }

    /// How many events of this kind there were: the name after `event=`.
    std::size_t count(std::string_view kind) const;

    void clear() { lines_.clear(); }

private:
    telemetry::severity least_;
    std::vector<std::string> lines_;
};

} // namespace keel::testing
