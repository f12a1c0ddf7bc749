#include <keel/core/verdict.hpp>

namespace keel {

std::string_view to_string(verdict v) noexcept
{
    switch (v) {
    case verdict::success: return "success";
    case verdict::failure: return "failure";
    case verdict::throttled: return "throttled";
    case verdict::ignored: return "ignored";
    }
    return "unknown";
}

} // namespace keel
