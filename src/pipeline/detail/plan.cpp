#include <keel/pipeline/detail/plan.hpp>

namespace keel::detail {
namespace {

struct name
{
    std::string_view operator()(gate_step const& s) const { return s.held->name(); }
    std::string_view operator()(timeout_step const& s) const { return s.options.name; }
    std::string_view operator()(retry_step const& s) const { return s.options->name; }
    std::string_view operator()(fallback_step const& s) const { return s.state->choice.options().name; }
};

} // namespace

std::string_view name_of(any_step const& s) noexcept { return std::visit(name{}, s); }

} // namespace keel::detail
