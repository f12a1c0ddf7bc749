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

void rules::add(std::shared_ptr<typed_judge const> judge)
{
    for (auto const& j : all)
        if (judge_same_type(*j, *judge))
            throw std::invalid_argument("pipeline: two classifiers judge the same type");
    all.push_back(std::move(judge));
}

void rules::complete_with(rules const& others)
{
    for (auto const& theirs : others.all) {
        auto const same = [&](auto const& mine) { return judge_same_type(*mine, *theirs); };
        if (std::none_of(all.begin(), all.end(), same)) all.push_back(theirs);
    }
}

void plan::add(plan const& inner)
{
    for (auto const& own : inner.own_judges) own_judges.push_back({steps.size() + own.step, own.judges});
    if (inner.runs) runs = elsewhere{inner.runs->where, steps.size() + inner.runs->step};
    steps.insert(steps.end(), inner.steps.begin(), inner.steps.end());
    may_abandon = may_abandon || inner.may_abandon;
    has_fallback = has_fallback || inner.has_fallback;
    judges.complete_with(inner.judges);
}

std::string_view name_of(any_step const& s) noexcept { return std::visit(name{}, s); }

} // namespace keel::detail
