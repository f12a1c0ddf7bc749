#include <keel/policy/rate_limiter.hpp>

#include "trace.hpp"

namespace keel::traces {
namespace {

std::uint32_t number(strict_object& from, std::string_view key)
{
    return static_cast<std::uint32_t>(from.integer(key));
}

class bucket final : public subject
{
public:
    explicit bucket(strict_object& config) : machine_(options_from(config)) {}

    json::object step(std::string_view op, strict_object& arguments) override
    {
        auto const now = at_ms(arguments.integer("t_ms"));
        auto const n = number(arguments, "n");
        auto const reserves = op == "reserve";
        if (!reserves && op != "try_acquire") throw malformed("unknown op " + std::string(op));

        auto const answer =
            machine_.admit(now, n, reserves ? ms(arguments.integer("max_wait_ms")) : duration::zero());
        json::object result{{"admitted", answer.what != admission::kind::refused},
                            {"available", machine_.snapshot(now).available},
                            {"wait_ns", nullptr},
                            {"delay_ns", 0}};
        if (answer.at) {
            auto const wait = (*answer.at - now).count();
            result[answer.what == admission::kind::refused ? "wait_ns" : "delay_ns"] = wait;
        }
        return result;
    }

private:
    static rate_limiter_options options_from(strict_object& config)
    {
        rate_limiter_options o;
        o.permits = number(config, "rate_per_s");
        o.burst = number(config, "capacity");
        if (config.find("initial")) o.initial = number(config, "initial");
        return o;
    }

    policy::rate_limiter machine_;
};

class cells final : public subject
{
public:
    explicit cells(strict_object& config)
        : machine_(duration(config.integer("interval_ns")), number(config, "burst")),
          limiter_(options_from(config))
    {}

    json::object step(std::string_view op, strict_object& arguments) override
    {
        if (op != "hit") throw malformed("unknown op " + std::string(op));
        auto const now = at_ms(arguments.integer("t_ms"));
        auto const n = number(arguments, "n");

        auto const admitted = machine_.take(n, now, duration::zero()).has_value();
        if ((limiter_.admit(now, n, duration::zero()).what == admission::kind::granted) != admitted)
            throw malformed("the rate limiter and its meter disagree");
        json::object result{{"admitted", admitted},
                            {"remaining", machine_.available(now)},
                            {"reset_after_ns", machine_.reset_after(now).count()},
                            {"retry_after_ns", nullptr}};
        if (auto const at = machine_.when(n, now); at && !admitted)
            result["retry_after_ns"] = (*at - now).count();
        return result;
    }

private:
    static rate_limiter_options options_from(strict_object& config)
    {
        rate_limiter_options o;
        o.permits = 1;
        o.per = duration(config.integer("interval_ns"));
        o.burst = number(config, "burst");
        o.algorithm = rate_algorithm::gcra;
        return o;
    }

    policy::gcra machine_;
    policy::rate_limiter limiter_;
};

registration const buckets({"token_bucket"}, [](strict_object& c) { return std::make_unique<bucket>(c); });
registration const all_cells({"gcra"}, [](strict_object& c) { return std::make_unique<cells>(c); });

} // namespace
} // namespace keel::traces
