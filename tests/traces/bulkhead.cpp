#include <keel/policy/bulkhead.hpp>

#include "trace.hpp"

#include <map>

namespace keel::traces {
namespace {

struct caller : waiter
{
    explicit caller(std::string n) : name(std::move(n)) {}
    std::string name;
};

class compartment final : public subject
{
public:
    explicit compartment(strict_object& config) : machine_(options_from(config)) {}

    json::object step(std::string_view op, strict_object& arguments) override
    {
        auto const now = at_ms(arguments.integer("t_ms"));
        auto const name = std::string(arguments.text("call"));
        if (op == "enter") return enter(name, arguments, now);
        if (op == "leave") return leave(name, now);
        throw malformed("unknown op " + std::string(op));
    }

private:
    json::object enter(std::string const& name, strict_object& arguments, time_point now)
    {
        auto self = std::make_unique<caller>(name);
        if (arguments.find("max_wait_ms")) self->deadline = now + ms(arguments.integer("max_wait_ms"));
        policy::bulkhead::turns others;
        auto const answer = machine_.admit(now, *self, others);
        auto result = forget(others.expired);
        result["result"] = "rejected";
        if (answer.what == admission::kind::granted) {
            result["result"] = "run";
            running_[name] = answer.pass;
        } else if (answer.what == admission::kind::wait_turn) {
            result["result"] = "queued";
            waiting_[name] = std::move(self);
        }
        return with_counts(std::move(result));
    }

    json::object leave(std::string const& name, time_point now)
    {
        json::array started;
        json::object result{{"timed_out", json::array()}};
        if (auto const here = running_.find(name); here != running_.end()) {
            auto const pass = here->second;
            running_.erase(here);
            auto turns = machine_.settle(pass, now);
            result = forget(turns.expired);
            started = start(turns.granted);
        } else if (auto const queued = waiting_.find(name); queued != waiting_.end()) {
            policy::bulkhead::turns turns;
            machine_.withdraw(*queued->second, now, turns);
            waiting_.erase(queued);
            result = forget(turns.expired);
            started = start(turns.granted);
        }
        result["started"] = std::move(started);
        return with_counts(std::move(result));
    }

    json::array start(waiter_list& granted)
    {
        json::array names;
        while (auto* w = granted.pop_front()) {
            auto const who = static_cast<caller*>(w)->name;
            running_[who] = w->pass;
            waiting_.erase(who);
            names.emplace_back(who);
        }
        return names;
    }

    json::object forget(waiter_list& expired)
    {
        json::array names;
        while (auto* w = expired.pop_front()) {
            auto const who = static_cast<caller*>(w)->name;
            waiting_.erase(who);
            names.emplace_back(who);
        }
        return {{"timed_out", std::move(names)}};
    }

    json::object with_counts(json::object result) const
    {
        auto const seen = machine_.snapshot();
        result["running"] = seen.running;
        result["queued"] = seen.waiting;
        return result;
    }

    static bulkhead_options options_from(strict_object& config)
    {
        bulkhead_options o;
        o.max_concurrent = static_cast<std::size_t>(config.integer("max_concurrent"));
        o.max_queue = static_cast<std::size_t>(config.integer("max_queue"));
        return o;
    }

    policy::bulkhead machine_;
    std::map<std::string, grant> running_;
    std::map<std::string, std::unique_ptr<caller>> waiting_;
};

registration const registered({"bulkhead"},
                              [](strict_object& c) { return std::make_unique<compartment>(c); });

} // namespace
} // namespace keel::traces
