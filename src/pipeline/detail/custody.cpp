#include <keel/pipeline/detail/custody.hpp>

#include <keel/pipeline/detail/plan.hpp>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>
#include <variant>

namespace keel::detail {
namespace {

template <class Step>
bool is_only_here(Step const& step, plan const& in)
{
    auto const same = [&](any_step const& other) {
        auto const* const s = std::get_if<Step>(&other);
        return s && s->held == step.held;
    };
    return step.held.use_count() <= std::count_if(in.steps.begin(), in.steps.end(), same);
}

struct state_to_keep
{
    plan const& in;
    time_point now;

    template <class Step>
        requires requires(Step const& s) { s.held->state_to_keep(time_point()); }
    std::string_view operator()(Step const& s) const
    {
        return detail::is_only_here(s, in) ? s.held->state_to_keep(now) : std::string_view();
    }

    std::string_view operator()(retry_step const& s) const
    {
        return s.budget && is_only_here(*s.budget) ? s.budget->state_to_keep(now) : std::string_view();
    }

    bool is_only_here(retry_budget const& budget) const
    {
        auto const same = [&](any_step const& other) {
            auto const* const s = std::get_if<retry_step>(&other);
            return s && s->budget && *s->budget == budget;
        };
        return budget.handles() <= std::count_if(in.steps.begin(), in.steps.end(), same);
    }

    std::string_view operator()(timeout_step const&) const { return {}; }
    std::string_view operator()(fallback_step const&) const { return {}; }
};

/// Pipelines that somebody else holds too stay in use. What the factory made for this one alone does not: it
/// would look as if its gates were somebody else's.
void hold_what_others_hold(plan const& from, plan& by)
{
    for (auto const& inside : from.inserted)
        if (inside.use_count() > 1)
            by.inserted.push_back(inside);
        else
            hold_what_others_hold(*inside, by);
}

} // namespace

pipeline custody::own_copy(pipeline const& p, std::string_view key)
{
    auto const& plan = *p.terms_->by;
    pipeline_options same;
    same.name = plan.name;
    same.instance = plan.instance.empty() ? key : std::string_view(plan.instance);
    same.sink = plan.sink;
    same.idempotent = plan.idempotent;
    same.accepted = plan.accepted;
    auto made = pipeline::begin(std::move(same));
    made->add(plan);
    hold_what_others_hold(plan, *made);
    pipeline copy;
    copy.adopt(std::move(made), on_finding::ignore); // it was looked at when it was made
    return copy;
}

bool custody::is_in_use(pipeline const& p) noexcept
{
    return p.terms_.has_other_owners() || p.terms_->by.use_count() > 1;
}

std::vector<kept_state> custody::state_of(pipeline const& p, time_point now)
{
    std::vector<kept_state> found;
    auto const& plan = *p.terms_->by;
    for (auto const& step : plan.steps) {
        auto const state = std::visit(state_to_keep{plan, now}, step);
        if (!state.empty()) found.push_back({std::string(name_of(step)), std::string(state)});
    }
    return found;
}

} // namespace keel::detail
