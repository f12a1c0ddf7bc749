#include <keel/pipeline/detail/plan.hpp>

#include <algorithm>

namespace keel::detail {
namespace {

struct name
{
    std::string_view operator()(gate_step const& s) const { return s.held->name(); }
    std::string_view operator()(timeout_step const& s) const { return s.options.name; }
    std::string_view operator()(retry_step const& s) const { return s.options->name; }
    std::string_view operator()(fallback_step const& s) const { return s.state->choice.options().name; }
    std::string_view operator()(loop_step const& s) const { return s.held->name(); }
};

bool judge_same_type(typed_judge const& a, typed_judge const& b) { return *a.judges == *b.judges; }

} // namespace

void plan::add(classifier const& c)
{
    for (auto const& j : judges)
        if (judge_same_type(*j, *c.judge()))
            throw std::invalid_argument("pipeline: two classifiers judge the same type");
    judges.push_back(c.judge());
}

void plan::add(plan const& inner)
{
    steps.insert(steps.end(), inner.steps.begin(), inner.steps.end());
    may_abandon = may_abandon || inner.may_abandon;
    has_fallback = has_fallback || inner.has_fallback;
    for (auto const& theirs : inner.judges) {
        auto const same = [&](auto const& mine) { return judge_same_type(*mine, *theirs); };
        if (std::none_of(judges.begin(), judges.end(), same)) judges.push_back(theirs);
    }
}

std::string_view name_of(any_step const& s) noexcept { return std::visit(name{}, s); }

} // namespace keel::detail
