#include <keel/testing/recorder.hpp>

#include <keel/telemetry/line.hpp>

#include <algorithm>

namespace keel::testing {

void recorder::on(telemetry::event const& e) { lines_.push_back(telemetry::to_line(e)); }

std::size_t recorder::count(std::string_view kind) const
{
    auto const whole = "event=" + std::string(kind);
    return static_cast<std::size_t>(std::count_if(lines_.begin(), lines_.end(), [&](auto const& line) {
        return line == whole || line.starts_with(whole + ' ');
    }));
}

} // namespace keel::testing
