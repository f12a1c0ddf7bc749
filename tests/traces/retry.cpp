#include <keel/policy/retry.hpp>

#include "trace.hpp"

#include <optional>

namespace keel::traces {
namespace {

class backing_off final : public subject
{
public:
    explicit backing_off(strict_object& config) : options_(options_from(config)), loop_(options_) {}

    json::object step(std::string_view op, strict_object& arguments) override
    {
        if (op != "decide") throw malformed("unknown op " + std::string(op));
        auto const number = static_cast<std::uint32_t>(arguments.integer("retry"));
        auto const& draw = arguments.at("u").as_array();
        auto const u = chance{draw.at(0).to_number<std::uint64_t>(), draw.at(1).to_number<std::uint64_t>()};

        auto const action =
            loop_.decide(number, span(arguments, "deadline_left_ms"), span(arguments, "hint_ms"), u);
        if (auto const* stop = std::get_if<policy::give_up>(&action))
            return {{"action", "give_up"}, {"reason", to_string(stop->why)}};
        return {{"action", "wait"}, {"delay_ns", std::get<policy::retry_after>(action).pause.count()}};
    }

private:
    static std::optional<duration> span(strict_object& from, std::string_view key)
    {
        if (!from.find(key)) return std::nullopt;
        return ms(from.integer(key));
    }

    static jitter jitter_of(strict_object& config)
    {
        if (!config.find("jitter")) return jitter::none;
        auto const name = config.text("jitter");
        for (auto j : {jitter::none, jitter::full, jitter::equal, jitter::plus_minus, jitter::decorrelated})
            if (name == to_string(j)) return j;
        throw malformed("unknown jitter " + std::string(name));
    }

    static backoff backoff_from(strict_object& config)
    {
        auto const kind = config.text("kind");
        auto const base = ms(config.integer("base_ms"));
        auto const cap = ms(config.integer("cap_ms"));
        auto const how = jitter_of(config);
        auto const spread = config.decimal_or("spread", 0.2);
        auto const multiplier = config.decimal_or("multiplier", 2);
        if (kind == "constant") return constant{base, cap, how, spread};
        if (kind == "linear") return linear{base, cap, how, spread};
        if (kind == "exponential") return exponential{base, multiplier, cap, how, spread};
        throw malformed("unknown kind " + std::string(kind));
    }

    static retry_options options_from(strict_object& config)
    {
        retry_options o;
        o.max_attempts = std::nullopt;
        if (config.find("max_attempts"))
            o.max_attempts = static_cast<std::uint32_t>(config.integer("max_attempts"));
        o.backoff = backoff_from(config);
        o.hint_cap = ms(config.integer_or("hint_cap_ms", 60'000));
        return o;
    }

    retry_options options_;
    policy::retry loop_;
};

registration const registered({"backoff"}, [](strict_object& c) { return std::make_unique<backing_off>(c); });

} // namespace
} // namespace keel::traces
