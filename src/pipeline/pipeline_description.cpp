#include <keel/pipeline/pipeline_description.hpp>

#include <keel/core/option_faults.hpp>
#include <keel/pipeline/detail/plan.hpp>

#include <string_view>
#include <variant>

namespace keel {
namespace {

std::string law(backoff const& b)
{
    struct name_of_law
    {
        std::string operator()(constant const& o) const { return "constant base=" + to_string(o.base); }
        std::string operator()(linear const& o) const { return "linear base=" + to_string(o.base); }
        std::string operator()(exponential const& o) const { return "exponential base=" + to_string(o.base); }
        std::string operator()(custom const&) const { return "custom"; }
    };
    auto const jitter = std::visit([](auto const& o) { return to_string(o.jitter); }, b);
    return std::visit(name_of_law{}, b) + " jitter=" + std::string(jitter);
}

struct describe_step
{
    part_description operator()(detail::gate_step const& s) const { return s.held->describe(); }

    part_description operator()(detail::loop_step const& s) const
    {
        return {.kind = "loop", .name = std::string(s.held->name())};
    }

    part_description operator()(detail::timeout_step const& s) const
    {
        auto text = "limit=" + to_string(s.options.limit);
        if (auto const& grace = s.options.on_expiry.grace()) text += " grace=" + to_string(*grace);
        return {.kind = "timeout", .name = s.options.name, .options = std::move(text)};
    }

    part_description operator()(detail::retry_step const& s) const
    {
        auto const& o = *s.options;
        std::string text;
        if (o.max_attempts) text += "max_attempts=" + std::to_string(*o.max_attempts) + ' ';
        if (o.max_duration) text += "max_duration=" + to_string(*o.max_duration) + ' ';
        text += "backoff=" + law(o.backoff);
        text += " budget=" + std::string(s.budget ? s.budget->kind() : "none");
        if (o.retry_rejected) text += " retry_rejected";
        if (o.retry_if) text += " retry_if";
        return {.kind = "retry", .name = o.name, .options = std::move(text)};
    }

    part_description operator()(detail::fallback_step const& s) const
    {
        return {.kind = "fallback",
                .name = s.state->choice.options().name,
                .options = "alternatives=" + std::to_string(s.state->alternatives.size())};
    }
};

void add_word(part_description& part, std::string_view word)
{
    if (!part.options.empty()) part.options += ' ';
    part.options += word;
}

} // namespace

pipeline_description detail::describe(plan const& p)
{
    pipeline_description all{.name = p.name, .instance = p.instance};
    all.idempotent = p.idempotent;
    all.has_classifiers = !p.judges.all.empty();
    for (auto const& step : p.steps) all.parts.push_back(std::visit(describe_step{}, step));
    if (p.runs) add_word(all.parts[p.runs->step], "run_on");
    for (auto const& own : p.own_judges) add_word(all.parts[own.step], "judged");
    return all;
}

std::string to_string(pipeline_description const& p)
{
    auto text = p.instance.empty() ? p.name : p.name + " (" + p.instance + ')';
    if (p.idempotent) text += *p.idempotent ? ", idempotent" : ", not idempotent";
    if (p.has_classifiers) text += ", with classifiers";
    std::string indent = "\n  ";
    for (auto const& part : p.parts) {
        text += indent + part.kind;
        if (part.name != part.kind) text += " \"" + part.name + '"';
        if (!part.options.empty()) text += ": " + part.options;
        indent += "  ";
    }
    return text;
}

} // namespace keel
