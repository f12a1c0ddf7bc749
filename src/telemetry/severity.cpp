#include <keel/telemetry/event.hpp>

namespace keel::telemetry {
namespace {

struct severity_of_kind
{
    severity operator()(attempt_ended const&) const { return severity::debug; }
    severity operator()(call_ended const&) const { return severity::debug; }
    severity operator()(circuit_ignored const&) const { return severity::debug; }
    severity operator()(retry_scheduled const&) const { return severity::info; }
    severity operator()(fell_back const&) const { return severity::info; }
    severity operator()(orphan_ended const&) const { return severity::info; }
    severity operator()(circuit_reset const&) const { return severity::warning; }
    severity operator()(circuit_changed const&) const { return severity::warning; }
    severity operator()(questionable_composition const&) const { return severity::warning; }
    severity operator()(retry_stopped const&) const { return severity::warning; }
    severity operator()(timed_out const&) const { return severity::warning; }
    severity operator()(rejected const&) const { return severity::warning; }
};

} // namespace

std::string_view to_string(severity s) noexcept
{
    switch (s) {
    case severity::debug: return "debug";
    case severity::info: return "info";
    case severity::warning: return "warning";
    }
    return "unknown";
}

severity severity_of(event const& e) noexcept { return std::visit(severity_of_kind{}, e); }

} // namespace keel::telemetry
