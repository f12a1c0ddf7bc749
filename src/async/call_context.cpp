#include <keel/async/call_context.hpp>

namespace keel {

std::string_view to_string(priority p) noexcept
{
    switch (p) {
    case priority::background: return "background";
    case priority::normal: return "normal";
    case priority::critical: return "critical";
    }
    return "unknown";
}

} // namespace keel
