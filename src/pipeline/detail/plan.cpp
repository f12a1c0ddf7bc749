#include <keel/pipeline/detail/plan.hpp>

#include <boost/core/demangle.hpp>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace keel::detail {
namespace {

struct name
{
    std::string_view operator()(gate_step const& s) const { return s.name; }
    std::string_view operator()(timeout_step const& s) const { return s.options.name; }
    std::string_view operator()(retry_step const& s) const { return s.options->name; }
    std::string_view operator()(fallback_step const& s) const { return s.state->choice.options().name; }
    std::string_view operator()(loop_step const& s) const { return s.held->name(); }
};

template <class Policy>
std::shared_ptr<Policy> not_null(std::shared_ptr<Policy> p, std::size_t position)
{
    if (!p)
        throw std::invalid_argument("pipeline: policy number " + std::to_string(position + 1) +
                                    " (classifiers not counted) is a null pointer");
    return p;
}

std::size_t number_of_retries(plan const& p)
{
    auto const retries = [](any_step const& s) { return kind_of(s) == step_kind::retry; };
    return static_cast<std::size_t>(std::count_if(p.steps.begin(), p.steps.end(), retries));
}

template <class Predicate>
bool every_retry(plan const& p, Predicate fits)
{
    return std::all_of(p.steps.begin(), p.steps.end(), [&](any_step const& s) {
        auto const* const retry = std::get_if<retry_step>(&s);
        return !retry || fits(*retry->options);
    });
}

/// Whether there is nothing in it that a `passage` does not know.
bool is_direct(plan const& p)
{
    auto const counts_attempts_only = [](retry_options const& o) { return !o.max_duration; };
    return p.is_plain() && p.judges_nothing() && p.steps.size() <= direct_steps &&
           number_of_retries(p) <= 1 && every_retry(p, counts_attempts_only);
}

bool refusals_end_calls(plan const& p)
{
    return !p.sink && every_retry(p, [](retry_options const& o) { return !o.retry_rejected; });
}

bool judge_same_type(typed_judge const& a, typed_judge const& b) { return *a.judges == *b.judges; }

} // namespace

void rules::add(std::shared_ptr<typed_judge const> judge)
{
    for (auto const& j : all)
        if (judge_same_type(*j, *judge))
            throw std::invalid_argument("pipeline: two classifiers judge " +
                                        boost::core::demangle(judge->judges->name()));
    all.push_back(std::move(judge));
}

void rules::complete_with(rules const& others)
{
    for (auto const& theirs : others.all) {
        auto const same = [&](auto const& mine) { return judge_same_type(*mine, *theirs); };
        if (std::none_of(all.begin(), all.end(), same)) all.push_back(theirs);
    }
}

void plan::add(std::shared_ptr<gate> g)
{
    auto held = not_null(std::move(g), steps.size());
    auto const called = held->name();
    steps.emplace_back(gate_step{std::move(held), called});
}
void plan::add_own(std::shared_ptr<gate> g)
{
    auto const never_waits = g->describe().longest_wait == duration::zero();
    add(std::move(g));
    std::get<gate_step>(steps.back()).never_waits = never_waits;
}
void plan::add(std::shared_ptr<loop const> l)
{
    steps.emplace_back(loop_step{not_null(std::move(l), steps.size())});
}
void plan::add(circuit_breaker const& p) { add_own(p.as_gate()); }
void plan::add(rate_limiter const& p) { add_own(p.as_gate()); }
void plan::add(retry const& p) { steps.emplace_back(retry_step{p.options(), p.budget()}); }
void plan::add(classifier const& c) { judges.add(c.judge()); }

void plan::add(bulkhead const& p)
{
    if (p.runs_on()) runs = elsewhere{*p.runs_on(), steps.size()};
    add_own(p.as_gate());
}

void plan::add(fallback const& p)
{
    steps.emplace_back(fallback_step{std::make_shared<fallback_state const>(*p.state())});
    has_fallback = true;
}

void plan::add(timeout const& p)
{
    steps.emplace_back(timeout_step{p.options()});
    may_abandon = may_abandon || p.options().on_expiry.may_abandon();
}

void plan::add(plan const& inner)
{
    for (auto const& own : inner.own_judges) own_judges.push_back({steps.size() + own.step, own.judges});
    if (inner.runs) runs = elsewhere{inner.runs->where, steps.size() + inner.runs->step};
    steps.insert(steps.end(), inner.steps.begin(), inner.steps.end());
    may_abandon = may_abandon || inner.may_abandon;
    has_fallback = has_fallback || inner.has_fallback;
    judges_inside.complete_with(inner.judges);
    if (inner.idempotent) idempotent = *inner.idempotent && idempotent.value_or(true);
}

void plan::complete()
{
    judges.complete_with(std::exchange(judges_inside, {}));
    std::vector<std::string> all;
    for (auto const& step : steps) all.emplace_back(name_of(step));
    names = std::make_shared<std::vector<std::string> const>(std::move(all));
}

std::size_t plan::outliving_step() const noexcept
{
    auto const abandons = [](any_step const& s) {
        auto const* const limit = std::get_if<timeout_step>(&s);
        return limit && limit->options.on_expiry.may_abandon();
    };
    auto const found = std::find_if(steps.begin(), steps.end(), abandons);
    auto const first = static_cast<std::size_t>(found - steps.begin());
    return runs ? std::min(first, runs->step) : first;
}

terms::terms(std::shared_ptr<plan const> p, overrides w)
    : by(std::move(p)),
      wanted(std::move(w)),
      limits_or_names(wanted.deadline() || wanted.limit() || !wanted.idempotency_key().empty()),
      has_retry(number_of_retries(*by) > 0),
      is_direct(detail::is_direct(*by) && !limits_or_names),
      refusals_end_calls(detail::refusals_end_calls(*by)),
      origin{by->name, by->instance, wanted.operation(), by->sink.get()}
{}

std::string_view name_of(any_step const& s) noexcept { return std::visit(name{}, s); }

} // namespace keel::detail
