#include <keel/pipeline/pipeline_description.hpp>

#include <keel/core/option_faults.hpp>
#include <keel/pipeline/detail/plan.hpp>

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
        if (!s.budget) text += " budget=none";
        return {.kind = "retry", .name = o.name, .options = std::move(text)};
    }

    part_description operator()(detail::fallback_step const& s) const
    {
        return {.kind = "fallback",
                .name = s.state->choice.options().name,
                .options = "alternatives=" + std::to_string(s.state->alternatives.size())};
    }
};

} // namespace

pipeline_description detail::describe(plan const& p)
{
    pipeline_description all{.name = p.name, .instance = p.instance};
    for (auto const& step : p.steps) all.parts.push_back(std::visit(describe_step{}, step));
    return all;
}

std::string to_string(pipeline_description const& p)
{
    auto text = p.instance.empty() ? p.name : p.name + " (" + p.instance + ')';
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
