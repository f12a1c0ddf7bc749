#include <keel/pipeline/lint.hpp>

#include <keel/core/chance.hpp>
#include <keel/core/option_faults.hpp>
#include <keel/core/time.hpp>
#include <keel/pipeline/detail/plan.hpp>
#include <keel/policy/parts/backoff.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <variant>

namespace keel {
namespace {

using namespace detail;

std::string joined(std::string_view pipeline, std::vector<lint_finding> const& findings)
{
    auto text = "pipeline " + std::string(pipeline) + ": ";
    for (auto const& f : findings) {
        if (&f != &findings.front()) text += "; ";
        text += std::string(to_string(f.rule)) + ": " + f.text;
    }
    return text;
}

/// Looks at each pair of parts, one around the other, and at each part.
class linter
{
public:
    explicit linter(plan const& p) : plan_(p) {}

    std::vector<lint_finding> look()
    {
        for (std::size_t inner = 0; inner < plan_.steps.size(); ++inner) {
            look_at(inner);
            for (std::size_t outer = 0; outer < inner; ++outer) look_at(outer, inner);
        }
        return std::move(found_);
    }

private:
    void look_at(std::size_t i)
    {
        auto const* const retry = std::get_if<retry_step>(&plan_.steps[i]);
        auto const repeats = is<loop_step>(i) || (retry && retry->options->max_attempts != 1U);
        if (repeats && plan_.idempotent == false)
            note(lint_rule::repeats_what_is_not_idempotent,
                 said(i) + " may run an operation again, and the pipeline's operations are not idempotent: "
                           "take it out, or give the calls an idempotency key and say idempotent = true");
    }

    void look_at(std::size_t outer, std::size_t inner)
    {
        if (is<timeout_step>(outer)) look_inside_timeout(outer, inner);
        if (is<retry_step>(outer)) look_inside_retry(outer, inner);
        if (is<gate_step>(outer)) look_inside_gate(outer, inner);
    }

    void look_inside_timeout(std::size_t outer, std::size_t inner)
    {
        auto const limit = limit_of(outer);
        if (is<timeout_step>(inner) && limit_of(inner) >= limit)
            note(lint_rule::timeout_never_acts,
                 said(inner) + " of " + to_string(limit_of(inner)) + " is inside " + said(outer) + " of " +
                     to_string(limit) + ", which always passes first: make it shorter, or take it out");
        if (is<retry_step>(inner)) {
            auto const worst = longest(inner, limit);
            if (worst > limit)
                note(lint_rule::retries_do_not_fit, "all attempts and pauses of " + said(inner) +
                                                        " take up to " + to_string(worst) + ", more than " +
                                                        said(outer) + " of " + to_string(limit) +
                                                        " allows: the last attempts are cut off");
        }
        auto const* const gate = std::get_if<gate_step>(&plan_.steps[inner]);
        if (!gate) return;
        auto const wait = gate->held->describe().longest_wait;
        if (wait && *wait > duration::zero() && *wait >= limit)
            note(lint_rule::wait_uses_up_timeout, said(inner) + " may keep a call waiting for " +
                                                      to_string(*wait) + ", all that " + said(outer) +
                                                      " allows for everything: make max_wait shorter");
    }

    void look_inside_retry(std::size_t outer, std::size_t inner)
    {
        if (is<retry_step>(inner))
            note(lint_rule::retries_multiply,
                 said(inner) + " is inside " + said(outer) +
                     ": the attempts of one multiply with those of the other; keep one of them");
        if (is<fallback_step>(inner))
            note(lint_rule::fallback_inside_retry,
                 said(inner) + " is inside " + said(outer) +
                     ": it answers the failures, and nothing is retried; put it outside");
    }

    void look_inside_gate(std::size_t outer, std::size_t inner)
    {
        auto const& gate = *std::get<gate_step>(plan_.steps[outer]).held;
        auto const* const other = std::get_if<gate_step>(&plan_.steps[inner]);
        if (other && other->held.get() == &gate)
            note(lint_rule::gate_twice,
                 said(outer) + " stands in the pipeline twice: each call counts twice, and where it takes a "
                               "permit may wait for itself; keep one of them");
        auto const kind = gate.describe().kind;
        if (kind == "circuit_breaker" && is<retry_step>(inner))
            note(lint_rule::breaker_around_retry,
                 said(outer) + " is around " + said(inner) +
                     ": it sees all attempts of a call as one, and cannot stop them; put it inside");
        if (kind == "bulkhead" && is<retry_step>(inner))
            note(lint_rule::bulkhead_around_retry,
                 said(outer) + " is around " + said(inner) +
                     ": its permits are held through the pauses; put it inside");
        if (kind == "circuit_breaker" && is<fallback_step>(inner))
            note(lint_rule::fallback_inside_breaker,
                 said(inner) + " is inside " + said(outer) +
                     ": it answers the failures, and the breaker counts successes; put it outside");
    }

    /// Attempts beyond this many are not looked at: what fits so often is not what people write by mistake.
    static constexpr std::uint32_t most_looked_at = 100'000;

    /// How long all attempts and pauses of a retry may take, or a little more than `enough` if that is less.
    /// Attempts without a timeout and pauses by a function of the user's count as nothing: nobody knows.
    duration longest(std::size_t at, duration enough) const
    {
        auto const& options = *std::get<retry_step>(plan_.steps[at]).options;
        if (!options.max_attempts) return *options.max_duration;
        auto const attempt = longest_attempt_inside(at);
        auto const is_known = !std::holds_alternative<custom>(options.backoff);
        auto const shape = is_known ? options.backoff : backoff(no_pause);
        auto pauses = policy::backoff_sequence(shape);
        auto end = saturating_add(time_point(), attempt);
        auto const most = std::min(*options.max_attempts, most_looked_at);
        for (std::uint32_t retry = 1; retry < most && end.time_since_epoch() <= enough; ++retry) {
            auto const pause = pauses.next(retry, at_most);
            auto const next = saturating_add(end, pause);
            if (options.max_duration && next.time_since_epoch() > *options.max_duration) break;
            if (next == end && attempt == duration::zero()) break;
            end = saturating_add(next, attempt);
        }
        return end.time_since_epoch();
    }

    /// What the gates before the shortest timeout may keep it waiting for, its limit, and its grace.
    duration longest_attempt_inside(std::size_t at) const
    {
        auto shortest = duration::max();
        auto attempt = time_point();
        auto waits = time_point();
        for (auto i = at + 1; i < plan_.steps.size(); ++i) {
            if (auto const* const gate = std::get_if<gate_step>(&plan_.steps[i]))
                waits = saturating_add(waits, gate->held->describe().longest_wait.value_or(duration::zero()));
            if (!is<timeout_step>(i) || limit_of(i) >= shortest) continue;
            shortest = limit_of(i);
            auto const grace = std::get<timeout_step>(plan_.steps[i]).options.on_expiry.grace();
            attempt = saturating_add(saturating_add(waits, shortest), grace.value_or(duration::zero()));
        }
        return attempt.time_since_epoch();
    }

    template <class Step>
    bool is(std::size_t i) const
    {
        return std::holds_alternative<Step>(plan_.steps[i]);
    }
    duration limit_of(std::size_t i) const { return std::get<timeout_step>(plan_.steps[i]).options.limit; }

    std::string said(std::size_t i) const
    {
        static constexpr std::string_view kinds[] = {"the gate", "the timeout", "the retry", "the fallback",
                                                     "the loop"};
        return std::string(kinds[plan_.steps[i].index()]) + " \"" + std::string(name_of(plan_.steps[i])) +
               '"';
    }

    void note(lint_rule rule, std::string text)
    {
        auto const& meant = plan_.accepted;
        if (std::find(meant.begin(), meant.end(), rule) == meant.end())
            found_.push_back({rule, std::move(text)});
    }

    static constexpr constant no_pause{.base = duration::zero()};
    static constexpr chance at_most{(std::uint64_t{1} << 53U) - 1, std::uint64_t{1} << 53U};

    plan const& plan_;
    std::vector<lint_finding> found_;
};

} // namespace

std::string_view to_string(lint_rule r) noexcept
{
    switch (r) {
    case lint_rule::timeout_never_acts: return "timeout_never_acts";
    case lint_rule::retries_do_not_fit: return "retries_do_not_fit";
    case lint_rule::retries_multiply: return "retries_multiply";
    case lint_rule::repeats_what_is_not_idempotent: return "repeats_what_is_not_idempotent";
    case lint_rule::gate_twice: return "gate_twice";
    case lint_rule::breaker_around_retry: return "breaker_around_retry";
    case lint_rule::bulkhead_around_retry: return "bulkhead_around_retry";
    case lint_rule::fallback_inside_retry: return "fallback_inside_retry";
    case lint_rule::fallback_inside_breaker: return "fallback_inside_breaker";
    case lint_rule::wait_uses_up_timeout: return "wait_uses_up_timeout";
    }
    return "unknown";
}

questionable_pipeline::questionable_pipeline(std::string_view pipeline, std::vector<lint_finding> findings)
    : std::invalid_argument(joined(pipeline, findings)),
      findings_(std::move(findings))
{}

std::vector<lint_finding> detail::lint(plan const& p) { return linter(p).look(); }

void detail::inspect(plan const& p, on_finding what)
{
    if (what == on_finding::ignore || (what == on_finding::report && !p.sink)) return;
    auto findings = lint(p);
    if (findings.empty()) return;
    if (what == on_finding::refuse) throw questionable_pipeline(p.name, std::move(findings));
    for (auto const& f : findings)
        telemetry::emit(p.sink.get(),
                        telemetry::questionable_composition{
                            {.pipeline = p.name, .instance = p.instance}, to_string(f.rule), f.text});
}

} // namespace keel
