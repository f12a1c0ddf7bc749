#include <keel/pipeline/detail/plan.hpp>

#include <stdexcept>

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

void plan::add(classifier const& c)
{
    for (auto const& j : judges)
        if (*j->judges == *c.judge()->judges)
            throw std::invalid_argument("pipeline: two classifiers judge the same type");
    judges.push_back(c.judge());
}

std::string_view name_of(any_step const& s) noexcept { return std::visit(name{}, s); }

} // namespace keel::detail
