#include <keel/policy/circuit_breaker.hpp>

#include "trace.hpp"

#include <map>
#include <optional>

namespace keel::traces {
namespace {

class breaker final : public subject
{
public:
    explicit breaker(strict_object& config) : machine_(options_from(config)) {}

    json::object step(std::string_view op, strict_object& arguments) override
    {
        auto const now = at_ms(arguments.integer("t_ms"));
        if (op == "acquire") return acquire(std::string(arguments.text("call")), now);
        if (op == "complete")
            return complete(std::string(arguments.text("call")), arguments.text("outcome"), now);
        if (op == "force_open")
            machine_.force_open(now);
        else if (op == "force_close")
            machine_.force_close(now);
        else if (op != "query")
            throw malformed("unknown op " + std::string(op));
        return seen(now);
    }

private:
    json::object acquire(std::string const& call, time_point now)
    {
        auto const answer = machine_.admit(now);
        auto const admitted = answer.what == admission::kind::granted;
        if (admitted) calls_[call] = answer.pass;
        auto result = seen(now);
        result["admitted"] = admitted;
        result["retry_after_ms"] = nullptr;
        if (answer.at)
            result["retry_after_ms"] = std::chrono::ceil<std::chrono::milliseconds>(*answer.at - now).count();
        return result;
    }

    json::object complete(std::string const& call, std::string_view outcome, time_point now)
    {
        auto counted = false;
        if (auto const found = calls_.find(call); found != calls_.end()) {
            counted = machine_.settle(found->second, verdict_of(outcome), now);
            calls_.erase(found);
        }
        auto result = seen(now);
        result["counted"] = counted;
        return result;
    }

    json::object seen(time_point now) const
    {
        auto const snapshot = machine_.snapshot(now);
        json::object result{{"state", to_string(snapshot.state)}};
        if (consecutive() && snapshot.state == circuit_state::closed)
            result["window"] = {{"consecutive_failures", snapshot.consecutive_failures}};
        else
            result["window"] = {{"total", snapshot.window.total},
                                {"failed", snapshot.window.failed},
                                {"slow", snapshot.window.slow}};
        return result;
    }

    bool consecutive() const { return std::holds_alternative<consecutive_window>(machine_.options().window); }

    static verdict verdict_of(std::string_view outcome)
    {
        if (outcome == "success") return verdict::success;
        if (outcome == "failure") return verdict::failure;
        if (outcome == "ignored" || outcome == "cancelled") return verdict::ignored;
        throw malformed("unknown outcome " + std::string(outcome));
    }

    static std::optional<double> ratio(strict_object& config, std::string_view key)
    {
        if (!config.find(key)) return std::nullopt;
        return static_cast<double>(config.integer(key)) / 100;
    }

    static circuit_breaker_options options_from(strict_object& config)
    {
        circuit_breaker_options o;
        set_window(o, config.at("window").as_object());
        o.failure_ratio = ratio(config, "failure_rate_pct");
        o.slow_ratio = ratio(config, "slow_rate_pct");
        if (config.find("slow_call_ms")) o.slow_call = ms(config.integer("slow_call_ms"));
        o.min_calls = static_cast<std::size_t>(config.integer("min_calls"));
        o.open_for = ms(config.integer("open_ms"));
        o.open_multiplier = 1;
        if (auto const* growth = config.find("open_multiplier"))
            o.open_multiplier = growth->to_number<double>();
        o.open_max = std::nullopt;
        if (config.find("open_max_ms")) o.open_max = ms(config.integer("open_max_ms"));
        o.half_open_permits = static_cast<std::size_t>(config.integer("half_open_permits"));
        o.half_open_max = std::nullopt;
        if (auto const stay = config.integer_or("half_open_max_ms", 0); stay > 0) o.half_open_max = ms(stay);
        return o;
    }

    static void set_window(circuit_breaker_options& o, json::object const& given)
    {
        strict_object window(given);
        auto const kind = window.text("kind");
        auto const number = [&](std::string_view key) {
            return static_cast<std::size_t>(window.integer(key));
        };
        if (kind == "count")
            o.window = count_window{number("size")};
        else if (kind == "time")
            o.window = time_window{ms(window.integer("size_ms")), number("buckets")};
        else if (kind == "consecutive")
            o.window = consecutive_window{number("failures")};
        else
            throw malformed("unknown window kind " + std::string(kind));
        window.expect_no_more();
    }

    policy::circuit_breaker machine_;
    std::map<std::string, grant> calls_;
};

registration const registered({"cb_count", "cb_time", "cb_consecutive", "cb_slow", "cb_half_open"},
                              [](strict_object& config) { return std::make_unique<breaker>(config); });

} // namespace
} // namespace keel::traces
