#include <keel/pipeline/outcome.hpp>

namespace keel {

std::string_view to_string(ended_by e) noexcept
{
    switch (e) {
    case ended_by::operation: return "operation";
    case ended_by::timeout: return "timeout";
    case ended_by::deadline: return "deadline";
    case ended_by::rejection: return "rejection";
    case ended_by::fallback: return "fallback";
    case ended_by::caller: return "caller";
    case ended_by::predicate: return "predicate";
    }
    return "unknown";
}

} // namespace keel
