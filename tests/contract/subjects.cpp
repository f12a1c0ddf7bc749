#include "contract/subjects.hpp"

#include "contract/doorkeeper.hpp"

#include <keel/keel.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

namespace keel::tests {

using namespace std::chrono_literals;
using testing::make_subject;
using testing::subject;
using testing::surroundings;

namespace {

make_subject timed(on_expiry end)
{
    return [end](surroundings const&) {
        subject s{.policy = timeout{{.limit = 30ms, .on_expiry = end}}};
        s.abandons = end.may_abandon();
        s.mistakes = {{"on_expiry.grace", [] { timeout{{.on_expiry = grace(-1ms)}}; }}};
        return s;
    };
}

retry_options three_attempts(surroundings const& around)
{
    retry_options o;
    o.backoff = exponential{.base = 1ms, .cap = 8ms};
    o.retry_if = [around](failure const&) {
        around.user_code();
        return true;
    };
    return o;
}

subject retrying(surroundings const& around)
{
    subject s{.policy = retry{three_attempts(around), no_retry_budget}};
    s.mistakes = {{"max_attempts", [] { retry{{.max_attempts = 0}}; }},
                  {"hint_cap", [] { retry{{.hint_cap = -1s}}; }}};
    return s;
}

using budget_kind = decltype(retry_budget_options::kind);

/// A retry whose budget is looked at.
make_subject budgeted(budget_kind kind, budget_kind wrong, std::string field)
{
    return [=](surroundings const& around) {
        retry_budget const budget{{.kind = kind}};
        subject s{.policy = retry{three_attempts(around), budget}};
        s.in_use = [=] {
            auto const now = budget.snapshot(around.now());
            return now.active_calls + now.active_retries;
        };
        if (!std::holds_alternative<concurrency_share>(kind))
            s.memory = [=] {
                auto const now = budget.snapshot(around.now());
                return std::to_string(now.available) + " retries, " + std::to_string(now.tokens_milli) +
                       " thousandths";
            };
        s.spends = std::holds_alternative<ratio_window>(kind); // funded by calls as they come
        s.mistakes = {{field, [=] { retry_budget{{.kind = wrong}}; }}};
        return s;
    };
}

circuit_breaker_options opens_at_half(surroundings const& around)
{
    circuit_breaker_options o;
    o.min_calls = 4;
    o.failure_if = [around](failure const&) {
        around.user_code();
        return true;
    };
    o.on_transition = [around](circuit_transition const&) { around.user_code(); };
    return o;
}

subject broken_by(circuit_breaker const& breaker, surroundings const& around)
{
    subject s{.policy = breaker};
    s.refuse = [=] { breaker.force_open(around.now()); };
    s.in_use = [=] { return breaker.snapshot(around.now()).trials_in_flight; };
    s.memory = [=] {
        auto const now = breaker.snapshot(around.now());
        return std::string(to_string(now.state)) + " for the " + std::to_string(now.generation) +
               ". time: " + std::to_string(now.window.total) + " calls, " +
               std::to_string(now.window.failed) + " failed, " + std::to_string(now.consecutive_failures) +
               " in a row";
    };
    s.begin_anew = [=] { breaker.force_close(around.now()); };
    s.mistakes = {{"failure_ratio", [] { circuit_breaker{{.failure_ratio = 1.5}}; }},
                  {"open_for", [] { circuit_breaker{{.open_for = 0s}}; }},
                  {"half_open_permits", [] { circuit_breaker{{.half_open_permits = 0}}; }}};
    return s;
}

make_subject breaking(decltype(circuit_breaker_options::window) window)
{
    return [=](surroundings const& around) {
        auto options = opens_at_half(around);
        options.window = window;
        return broken_by(circuit_breaker{options}, around);
    };
}

subject half_open(surroundings const& around)
{
    auto options = opens_at_half(around);
    options.window = consecutive_window{1};
    options.open_for = 10ms;
    circuit_breaker const breaker{options};
    breaker.try_acquire(around.now()).settle(verdict::failure, around.now());
    around.world().advance(10ms);
    (void)breaker.try_acquire(around.now()); // enters the state, and comes home
    return broken_by(breaker, around);
}

subject keyed(surroundings const& around)
{
    circuit_breaker_registry const hosts{{.breaker = opens_at_half(around)}};
    return broken_by(hosts.get("host", around.now()), around);
}

/// The policy with a rule of its own, which says what the pipeline would say.
template <class Policy>
make_subject judging(subject (*make)(surroundings const&))
{
    return [make](surroundings const& around) {
        auto s = make(around);
        s.policy = judged{std::get<Policy>(s.policy), [around](failure const&) {
                              around.user_code();
                              return verdict::failure;
                          }};
        return s;
    };
}

subject counting(surroundings const& around)
{
    return broken_by(circuit_breaker{opens_at_half(around)}, around);
}

bulkhead in_place(bulkhead_options const& options, surroundings const&) { return bulkhead{options}; }

bulkhead elsewhere(bulkhead_options const& options, surroundings const& around)
{
    limited_executor const lanes{around.world().context(), {.max_running = 2, .max_queue = 100}};
    return {options, run_on(lanes)};
}

make_subject compartment(bulkhead_options const& options, decltype(&in_place) make = in_place)
{
    return [=](surroundings const& around) {
        auto const rooms = make(options, around);
        subject s{.policy = rooms};
        s.in_use = [=] { return rooms.snapshot().running; };
        s.waiting = [=] { return rooms.snapshot().waiting; };
        s.mistakes = {{"max_concurrent", [] { bulkhead{{.max_concurrent = 0}}; }},
                      {"max_wait", [] { bulkhead{{.max_wait = -1ms}}; }}};
        if (options.max_queue > 0) return s;
        auto const guests = std::make_shared<std::vector<permit>>();
        s.refuse = [=] {
            while (guests->empty() || guests->back()) guests->push_back(rooms.try_acquire(around.now()));
        };
        return s;
    };
}

make_subject limited(rate_limiter_options const& options)
{
    return [=](surroundings const& around) {
        rate_limiter const limiter{options};
        subject s{.policy = limiter};
        auto const available = [=] { return limiter.snapshot(around.now()).available; };
        s.in_use = [=] { return static_cast<std::size_t>(std::max<std::int64_t>(0, -available())); };
        s.memory = [=] { return std::to_string(available()) + " available"; };
        s.spends = true;
        s.mistakes = {{"permits", [] { rate_limiter{{.permits = 0}}; }},
                      {"per", [] { rate_limiter{{.per = 0s}}; }}};
        if (options.max_wait > 0s) return s;
        s.refuse = [=] {
            while (limiter.try_acquire(around.now())) {}
        };
        return s;
    };
}

subject answering(surroundings const& around)
{
    subject s{.policy = fallback{[around](failure const&) {
                  around.user_code();
                  return -1;
              }}};
    s.replaces_failures = true;
    s.only_int = true;
    return s;
}

subject answering_others(surroundings const& around)
{
    fallback choosy;
    choosy.when(
        [around](failure const& f) {
            around.user_code();
            return f.code == asio::error::host_not_found;
        },
        -1);
    subject s{.policy = choosy};
    s.only_int = true;
    return s;
}

/// Runs again whatever fails, after a pause of a millisecond, twice.
class twice_more final : public loop
{
public:
    explicit twice_more(surroundings around) : around_(std::move(around)) {}
    std::string_view name() const noexcept override { return "twice_more"; }
    std::unique_ptr<loop_run> begin(moment&) const override { return std::make_unique<run>(around_); }

private:
    class run final : public loop_run
    {
    public:
        explicit run(surroundings around) : around_(std::move(around)) {}

        loop_action attempt_ended(attempt_end const& end) override
        {
            around_.user_code();
            if (end.what == verdict::success || left_-- == 0) return pass_on{};
            return run_again{1ms};
        }

    private:
        surroundings around_;
        int left_ = 2; // not by `end.attempts`, which counts the whole call
    };

    surroundings around_;
};

subject looping(surroundings const& around)
{
    return {.policy = std::shared_ptr<loop const>(std::make_shared<twice_more const>(around))};
}

rate_limiter_options four_an_hour(rate_algorithm how, duration max_wait)
{
    return {.permits = 4, .per = 1h, .max_wait = max_wait, .algorithm = how};
}

} // namespace

std::vector<form> const& forms()
{
    static std::vector<form> const all{
        {"timeout", "cooperating", timed(cooperate)},
        {"timeout", "abandoning", timed(abandon)},
        {"timeout", "giving a time of grace", timed(grace(10ms))},
        {"retry", "without a budget", retrying},
        {"retry", "judging by a rule of its own", judging<retry>(retrying)},
        {"retry_budget", "success_bucket",
         budgeted(success_bucket{.size = 3}, success_bucket{.size = 0}, "size")},
        {"retry_budget", "failure_threshold",
         budgeted(failure_threshold{.max_tokens = 6}, failure_threshold{.ratio = 2}, "ratio")},
        {"retry_budget", "ratio_window",
         budgeted(ratio_window{.ttl = 1h, .min_per_second = 0, .ratio = 0.5}, ratio_window{.ttl = 0s},
                  "ttl")},
        {"retry_budget", "concurrency_share",
         budgeted(concurrency_share{}, concurrency_share{.ratio = 2}, "ratio")},
        {"retry_budget", "retry_cost",
         budgeted(retry_cost{.capacity = 30}, retry_cost{.capacity = 0}, "capacity")},
        {"circuit_breaker", "time_window", breaking(time_window{})},
        {"circuit_breaker", "count_window", breaking(count_window{8})},
        {"circuit_breaker", "consecutive_window", breaking(consecutive_window{3})},
        {"circuit_breaker", "half_open", half_open},
        {"circuit_breaker", "of a registry", keyed},
        {"circuit_breaker", "judging by a rule of its own", judging<circuit_breaker>(counting)},
        {"bulkhead", "without a queue", compartment({.max_concurrent = 2})},
        {"bulkhead", "with a queue", compartment({.max_concurrent = 2, .max_queue = 3})},
        {"bulkhead", "with a longest wait",
         compartment({.max_concurrent = 1, .max_queue = 5, .max_wait = 15ms})},
        {"bulkhead", "that sends operations elsewhere",
         compartment({.max_concurrent = 2, .max_queue = 3}, elsewhere)},
        {"bulkhead", "that sends operations elsewhere, or refuses",
         compartment({.max_concurrent = 2}, elsewhere)},
        {"rate_limiter", "token_bucket", limited(four_an_hour(rate_algorithm::token_bucket, 0s))},
        {"rate_limiter", "token_bucket that lets wait",
         limited(four_an_hour(rate_algorithm::token_bucket, 12h))},
        {"rate_limiter", "gcra", limited(four_an_hour(rate_algorithm::gcra, 0s))},
        {"rate_limiter", "gcra that lets wait", limited(four_an_hour(rate_algorithm::gcra, 12h))},
        {"fallback", "that answers everything", answering},
        {"fallback", "that answers something else", answering_others},
        {"user gate", "doorkeeper", [](surroundings const& a) { return doorkeeper_subject(a); }},
        {"user loop", "twice_more", looping},
    };
    return all;
}

} // namespace keel::tests
