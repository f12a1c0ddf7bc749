#include <keel/policy/retry_budget.hpp>

#include "trace.hpp"

namespace keel::traces {
namespace {

using policy::retry_cause;

class budget final : public subject
{
public:
    explicit budget(strict_object& config) : machine_(options_from(config)) {}

    json::object step(std::string_view op, strict_object& arguments) override
    {
        auto const now = at_ms(arguments.integer("t_ms"));
        json::object result;
        if (op == "success" || op == "success_first")
            machine_.succeeded(0);
        else if (op == "success_after_retry")
            machine_.succeeded(static_cast<std::size_t>(arguments.integer("refund")));
        else if (op == "failure")
            result["retry"] = fail_and_retry(now);
        else if (op == "failure_not_retryable")
            result["retry"] = false;
        else if (op == "pushback_stop") {
            machine_.failed();
            result["retry"] = false;
        } else if (op == "try_retry")
            result["retry"] = machine_.try_retry(retry_cause::error, now);
        else if (op == "try_retry_timeout")
            result["retry"] = machine_.try_retry(retry_cause::timeout, now);
        else if (op == "retry_end")
            machine_.retry_ended();
        else if (op == "request" || op == "call_start")
            machine_.call_started(now);
        else if (op == "call_end")
            machine_.call_ended();
        else
            throw malformed("unknown op " + std::string(op));

        auto const seen = machine_.snapshot(now);
        result["tokens_milli"] = seen.tokens_milli;
        result["tokens"] = seen.tokens_milli / 1000;
        result["balance"] = seen.available;
        result["active_calls"] = seen.active_calls;
        result["active_retries"] = seen.active_retries;
        return result;
    }

private:
    bool fail_and_retry(time_point now)
    {
        machine_.failed();
        return machine_.try_retry(retry_cause::error, now);
    }

    static retry_budget_options options_from(strict_object& config)
    {
        auto const kind = config.text("kind");
        auto const number = [&](std::string_view key) {
            return static_cast<std::size_t>(config.integer(key));
        };
        auto const part = [&](std::string_view key, double whole) {
            return static_cast<double>(config.integer(key)) / whole;
        };
        retry_budget_options o;
        if (kind == "threshold")
            o.kind = failure_threshold{number("max_tokens"), part("ratio_milli", 1000)};
        else if (kind == "success_bucket")
            o.kind = success_bucket{number("size"), part("deposit_milli", 1000)};
        else if (kind == "ratio_window")
            o.kind = ratio_window{ms(config.integer("ttl_ms")), number("min_per_s"), part("percent", 100)};
        else if (kind == "concurrency")
            o.kind = concurrency_share{part("percent", 100), number("min_retries")};
        else if (kind == "cost")
            o.kind = retry_cost{number("capacity"), number("retry_cost"), number("timeout_cost")};
        else
            throw malformed("unknown kind " + std::string(kind));
        return o;
    }

    policy::retry_budget machine_;
};

registration const registered({"retry_budget"}, [](strict_object& c) { return std::make_unique<budget>(c); });

} // namespace
} // namespace keel::traces
