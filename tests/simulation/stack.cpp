#include "stack.hpp"

#include "ticket.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <type_traits>
#include <utility>

namespace keel::simulated {
namespace {

using namespace std::chrono_literals;

std::string number(std::uint64_t n) { return std::to_string(n); }
std::string percent(double ratio) { return std::to_string(static_cast<int>(ratio * 100)) + '%'; }

/// Chance for a function of the user: the same failure always meets the same answer.
std::uint32_t draw_for(failure const& why, std::uint32_t salt)
{
    return stream(static_cast<std::uint64_t>(static_cast<std::uint32_t>(why.code.value())), salt).below(1000);
}

} // namespace

std::optional<circuit_breaker> breaker_in(any_part const& listed)
{
    return visit_policy(
        [](auto const& policy) -> std::optional<circuit_breaker> {
            if constexpr (std::is_same_v<decltype(policy), circuit_breaker const&>)
                return policy;
            else
                return std::nullopt;
        },
        listed);
}

// --- what a stack says of itself --------------------------------------------------------------------------

std::string stack::text() const
{
    std::string all;
    for (auto const& p : parts) all += (all.empty() ? "" : ", ") + p.name + '{' + p.text + '}';
    return all;
}

part const* stack::find(std::string_view name) const
{
    auto const found =
        std::find_if(parts.begin(), parts.end(), [&](auto const& p) { return p.name == name; });
    return found == parts.end() ? nullptr : &*found;
}

bool stack::has(kind k) const
{
    return std::any_of(parts.begin(), parts.end(), [&](auto const& p) { return p.what == k; });
}

bool stack::may_abandon() const
{
    return std::any_of(parts.begin(), parts.end(), [](auto const& p) { return p.grace.has_value(); });
}

bool stack::sends() const
{
    return std::any_of(parts.begin(), parts.end(), [](auto const& p) { return p.sends; });
}

bool stack::judges() const
{
    return std::any_of(parts.begin(), parts.end(), [](auto const& p) { return p.judges; });
}

std::uint64_t stack::most_attempts() const
{
    std::uint64_t product = 1;
    for (auto const& p : parts) product *= p.attempts;
    return product;
}

std::optional<duration> stack::shortest_limit() const
{
    std::optional<duration> shortest;
    for (auto const& p : parts)
        if (p.limit) shortest = std::min(shortest.value_or(*p.limit), *p.limit);
    return shortest;
}

bool stack::straight_inside(std::size_t index) const
{
    if (sends())
        return false; // wherever the bulkhead stands: the operation waits for its lane behind all gates
    return std::none_of(parts.begin() + static_cast<std::ptrdiff_t>(index) + 1, parts.end(),
                        [](auto const& p) { return p.delays; });
}

std::size_t stack::reached_at_once() const
{
    auto const first = std::find_if(parts.begin(), parts.end(), [](auto const& p) { return p.delays; });
    return static_cast<std::size_t>(first - parts.begin());
}

pipeline stack::again() const
{
    std::vector<any_part> all;
    for (auto const& p : parts) all.push_back(*p.handle);
    return {options, all};
}

void stack::drop_handles()
{
    made.reset();
    options = {};
    for (auto& p : parts) p.handle.reset();
}

// --- random stacks ----------------------------------------------------------------------------------------

stack stack_maker::make(std::string name, std::uint32_t most)
{
    stack s;
    auto const size = random_.between(1, most);
    while (s.parts.size() < size) {
        auto reused = !shared_.empty() && random_.one_in(4);
        if (reused) {
            auto const& old = shared_[random_.below(static_cast<std::uint32_t>(shared_.size()))];
            if (!s.find(old.name)) s.parts.push_back(old);
        } else {
            auto drawn = draw(s);
            s.parts.push_back(random_.one_in(6) ? with_rules_of_its_own(std::move(drawn)) : std::move(drawn));
        }
    }
    for (auto const& p : s.parts) {
        auto const is_gate = p.what == kind::circuit_breaker || p.what == kind::bulkhead ||
                             p.what == kind::rate_limiter || p.what == kind::users_gate;
        auto const known = std::any_of(shared_.begin(), shared_.end(),
                                       [&](auto const& other) { return other.name == p.name; });
        if (is_gate && !known) shared_.push_back(p);
    }
    if (random_.one_in(3)) s.parts.push_back(make_classifier_of_values());
    if (random_.one_in(3)) s.parts.push_back(make_classifier_of_failures());

    auto const is_watched = s.parts.size() % 3 != 0; // of the others, a passage may end what a gate refuses
    if (is_watched) s.options.sink = log_;
    s.options.name = std::move(name);
    s.made.emplace(build(s.options, s.parts));
    return s;
}

stack stack_maker::make_inner(std::string name, std::uint32_t most)
{
    auto const others = std::exchange(shared_, {});
    auto s = make(std::move(name), most);
    shared_ = others;
    return s;
}

/// Of one list, or of two pipelines in a pipeline: it is the same.
pipeline stack_maker::build(pipeline_options options, std::vector<part> const& parts)
{
    std::vector<any_part> outer;
    std::vector<any_part> inner;
    auto const in_two = random_.one_in(4);
    for (auto const& p : parts)
        (in_two && outer.size() * 2 >= parts.size() ? inner : outer).push_back(*p.handle);
    if (!in_two) return {std::move(options), outer};
    return pipeline(std::move(options), pipeline(pipeline_options{}, outer),
                    pipeline(pipeline_options{}, inner));
}

part stack_maker::draw(stack const& so_far)
{
    switch (random_.below(13)) {
    case 0:
    case 1:
    case 2: return make_timeout();
    case 3:
    case 4:
    case 11: {
        auto const loops = std::count_if(so_far.parts.begin(), so_far.parts.end(),
                                         [](auto const& p) { return p.attempts > 1; });
        if (loops >= 2) return make_timeout();
        return random_.one_in(3) ? make_users_loop() : make_retry(so_far.most_attempts());
    }
    case 5:
    case 6: return make_circuit_breaker();
    case 7:
    case 8: return make_bulkhead();
    case 9: return make_rate_limiter();
    case 10: return make_users_gate();
    default: return make_fallback();
    }
}

part stack_maker::make_timeout()
{
    static constexpr std::array<std::uint32_t, 10> limits{1, 2, 5, 5, 10, 10, 20, 50, 100, 500};
    timeout_options o;
    o.name = name_of("to");
    o.limit = std::chrono::milliseconds(random_.pick(limits));
    if (random_.one_in(60)) o.limit = 0ms;
    auto const how = random_.below(3);
    if (how == 0) o.on_expiry = abandon;
    if (how == 1) o.on_expiry = grace(random_.milliseconds(0, 20));
    part p{.what = kind::timeout, .name = o.name};
    p.limit = o.limit;
    p.grace = o.on_expiry.grace();
    p.text = to_string(o.limit) + (p.grace ? ", grace " + to_string(*p.grace) : ", cooperate");
    p.handle.emplace(timeout(std::move(o)));
    return p;
}

backoff stack_maker::draw_backoff(std::string& text)
{
    static constexpr std::array<duration, 5> bases{0ms, 1ms, 5ms, 10ms, 40ms};
    auto const law = random_.below(4);
    auto const base = random_.pick(bases);
    auto const cap = random_.milliseconds(0, 80);
    auto const spread = static_cast<jitter>(random_.below(5));
    text += ", backoff " + number(law) + ' ' + to_string(base) + " to " + to_string(cap) + ' ' +
            std::string(to_string(spread));
    switch (law) {
    case 0: {
        exponential e;
        e.base = base;
        e.cap = cap;
        e.jitter = spread;
        return e;
    }
    case 1: {
        linear l;
        l.base = base;
        l.cap = cap;
        l.jitter = spread;
        return l;
    }
    case 2: {
        constant c;
        c.base = base;
        c.cap = cap;
        c.jitter = spread;
        return c;
    }
    default: {
        custom c;
        c.cap = cap;
        c.delay = [base, user = user_](std::uint32_t retry) {
            if (retry == 3) throw users_mistake();
            return base * static_cast<int>(retry);
        };
        return c;
    }
    }
}

std::optional<retry_budget> stack_maker::draw_budget(std::string& text)
{
    auto const choice = random_.below(8);
    if (choice == 0) {
        text += ", no budget";
        return std::nullopt;
    }
    if (choice < 3 && !budgets_.empty()) {
        auto const which = random_.below(static_cast<std::uint32_t>(budgets_.size()));
        text += ", shares budget " + number(which);
        return budgets_[which];
    }
    text += ", budget " + number(budgets_.size());
    retry_budget_options o;
    switch (choice) {
    case 3: {
        failure_threshold k;
        k.max_tokens = random_.between(2, 20);
        o.kind = k;
        text += " failure_threshold";
        break;
    }
    case 4: {
        ratio_window k;
        k.ttl = random_.milliseconds(10, 200);
        k.min_per_second = random_.between(0, 100);
        o.kind = k;
        text += " ratio_window";
        break;
    }
    case 5:
    case 6: {
        concurrency_share k;
        k.min_retries = random_.between(0, 3);
        k.ratio = random_.one_in(2) ? 0.2 : 0.5;
        o.kind = k;
        text += " concurrency_share";
        break;
    }
    case 7: {
        retry_cost k;
        k.capacity = random_.between(10, 100);
        o.kind = k;
        text += " retry_cost";
        break;
    }
    default: {
        success_bucket k;
        k.size = random_.between(1, 20);
        o.kind = k;
        text += " success_bucket";
        break;
    }
    }
    return budgets_.emplace_back(std::move(o));
}

part stack_maker::make_retry(std::uint64_t attempts_so_far)
{
    retry_options o;
    o.name = name_of("re");
    part p{.what = kind::retry, .name = o.name};
    p.delays = true;
    if (attempts_so_far == 1 && random_.one_in(12)) {
        constant c;
        c.base = 5ms;
        o.backoff = c;
        o.max_attempts = std::nullopt;
        o.max_duration = 30ms;
        p.attempts = 7;
        p.text = "unlimited attempts within 30ms, every 5ms";
    } else {
        p.attempts = random_.between(1, attempts_so_far > 4 ? 2 : 4);
        o.max_attempts = p.attempts;
        p.text = number(p.attempts);
        o.backoff = draw_backoff(p.text);
        if (random_.one_in(4)) {
            o.max_duration = random_.milliseconds(1, 100);
            p.text += ", max_duration " + to_string(*o.max_duration);
        }
    }
    if (random_.one_in(3)) o.hint_cap = random_.milliseconds(0, 10);
    o.retry_rejected = random_.one_in(3);
    if (o.retry_rejected) p.text += ", retry_rejected";
    if (random_.one_in(3)) {
        p.text += ", retry_if";
        o.retry_if = [salt = made_, user = user_](failure const& why) {
            auto const drawn = draw_for(why, salt);
            if (drawn < 30) throw users_mistake();
            return drawn < 800;
        };
    }
    auto budget = draw_budget(p.text);
    if (budget)
        p.handle.emplace(retry(std::move(o), *std::move(budget)));
    else
        p.handle.emplace(retry(std::move(o), no_retry_budget));
    return p;
}

part stack_maker::make_circuit_breaker()
{
    static constexpr std::array<double, 4> ratios{0.2, 0.5, 0.8, 1.0};
    circuit_breaker_options o;
    o.name = name_of("cb");
    part p{.what = kind::circuit_breaker, .name = o.name};
    auto const window = random_.below(3);
    if (window == 0) {
        count_window w;
        w.size = random_.between(1, 20);
        p.text = "last " + number(w.size);
        o.window = w;
    } else if (window == 1) {
        time_window w;
        w.size = random_.milliseconds(10, 200);
        w.buckets = random_.between(1, 10);
        p.text = "last " + to_string(w.size) + " in " + number(w.buckets);
        o.window = w;
    } else {
        consecutive_window w;
        w.failures = random_.between(1, 5);
        p.text = number(w.failures) + " in a row";
        o.window = w;
    }
    o.min_calls = random_.between(1, 10);
    o.failure_ratio = random_.pick(ratios);
    if (random_.one_in(3)) {
        o.slow_call = random_.milliseconds(0, 10);
        if (window != 2) o.slow_ratio = random_.pick(ratios);
        p.text += ", slow " + to_string(*o.slow_call);
    }
    o.open_for = random_.milliseconds(1, 50);
    o.open_multiplier = 1 + random_.below(3) / 2.0;
    if (random_.one_in(2)) o.open_max = 100ms;
    o.half_open_permits = random_.between(1, 4);
    if (random_.one_in(2)) o.half_open_max = random_.milliseconds(1, 50);
    p.text += ", " + percent(*o.failure_ratio) + " of " + number(o.min_calls) + ", open " +
              to_string(o.open_for) + ", trials " + number(o.half_open_permits);
    if (random_.one_in(3)) {
        p.text += ", failure_if";
        o.failure_if = [salt = made_, user = user_](failure const& why) {
            auto const drawn = draw_for(why, salt);
            if (drawn < 30) throw users_mistake();
            return drawn < 700;
        };
    }
    if (random_.one_in(2))
        o.on_transition = [log = log_, name = o.name, user = user_](circuit_transition const& change) {
            log->note("on_transition", change.at).add("breaker", name).add("to", to_string(change.to)).end();
            if (change.to == circuit_state::half_open) throw users_mistake();
        };
    if (random_.one_in(3)) {
        p.text += ", keyed";
        p.handle.emplace(keyed(std::move(o)));
    } else {
        p.handle.emplace(circuit_breaker(std::move(o)));
    }
    return p;
}

/// One of a registry that goes away.
circuit_breaker stack_maker::keyed(circuit_breaker_options with)
{
    circuit_breaker_registry_options o;
    o.breaker = std::move(with);
    circuit_breaker_registry const hosts(std::move(o));
    if (random_.one_in(2)) (void)hosts.try_acquire("another host", time_point::min());
    return hosts.get("host", time_point::min());
}

part stack_maker::make_bulkhead()
{
    bulkhead_options o;
    o.name = name_of("bh");
    o.max_concurrent = random_.between(1, 12);
    o.max_queue = random_.below(9);
    if (random_.one_in(2)) o.max_wait = random_.milliseconds(0, 20);
    part p{.what = kind::bulkhead, .name = o.name};
    p.concurrent = o.max_concurrent;
    p.delays = o.max_queue > 0;
    p.text = number(o.max_concurrent) + " + " + number(o.max_queue) +
             (o.max_wait ? ", wait " + to_string(*o.max_wait) : "");
    p.sends = elsewhere_ && random_.one_in(3);
    if (p.sends) {
        p.delays = true;
        p.handle.emplace(bulkhead(std::move(o), draw_place(p.text)));
    } else {
        p.handle.emplace(bulkhead(std::move(o)));
    }
    return p;
}

run_on stack_maker::draw_place(std::string& text)
{
    text += ", elsewhere";
    if (random_.one_in(4)) return run_on(*elsewhere_);
    limited_executor_options o;
    o.max_running = random_.between(1, 2);
    o.max_queue = random_.below(3);
    text += " in " + number(o.max_running) + " + " + number(o.max_queue);
    return run_on(limited_executor(*elsewhere_, std::move(o)));
}

part stack_maker::make_rate_limiter()
{
    rate_limiter_options o;
    o.name = name_of("rl");
    o.permits = random_.between(1, 50);
    o.per = random_.milliseconds(10, 100);
    o.burst = random_.between(1, 10);
    if (random_.one_in(2)) o.max_wait = random_.milliseconds(0, 30);
    o.algorithm = random_.one_in(2) ? rate_algorithm::token_bucket : rate_algorithm::gcra;
    part p{.what = kind::rate_limiter, .name = o.name};
    p.rate = o;
    p.delays = o.max_wait > duration::zero();
    p.text = number(o.permits) + " per " + to_string(o.per) + ", burst " + number(*o.burst) + ", wait " +
             to_string(o.max_wait) + (o.algorithm == rate_algorithm::gcra ? ", gcra" : "");
    p.handle.emplace(rate_limiter(std::move(o)));
    return p;
}

namespace {

asio::awaitable<std::int64_t> answer_later(std::int64_t answer, duration after, live)
{
    co_await sleep_for(after);
    co_return answer;
}

asio::awaitable<std::int64_t> fail_later(duration after, live)
{
    co_await sleep_for(after);
    throw users_mistake();
}

} // namespace

// Answers are negative numbers; -2 is one that the classifier objects to.
part stack_maker::make_fallback()
{
    fallback_options o;
    o.name = name_of("fb");
    part p{.what = kind::fallback, .name = o.name};
    fallback f(std::move(o));
    if (random_.one_in(3)) {
        p.text += "rejected: 5ms later; ";
        f.when(condition::rejected, [user = user_](failure const&) { return answer_later(-1, 5ms, user); });
    }
    if (random_.one_in(3)) {
        p.text += "timed_out: -2; ";
        f.when(errc::timed_out, std::int64_t{-2});
    }
    if (random_.one_in(3)) {
        p.text += "predicate: throws; ";
        f.when(
            [salt = made_, user = user_](failure const& why) {
                auto const drawn = draw_for(why, salt);
                if (drawn < 30) throw users_mistake();
                return drawn < 400;
            },
            [user = user_](failure const& why) -> std::int64_t {
                if (why.code.value() % 3 == 0) throw users_mistake();
                return -3;
            });
    }
    switch (random_.below(4)) {
    case 0:
        p.text += "any: -4";
        f.when(any_failure{}, std::int64_t{-4});
        break;
    case 1:
        p.text += "any: 20ms later";
        f.when(any_failure{}, [user = user_](failure const&) { return answer_later(-5, 20ms, user); });
        break;
    case 2:
        p.text += "any: fails 3ms later";
        f.when(any_failure{}, [user = user_](failure const&) { return fail_later(3ms, user); });
        break;
    default: break;
    }
    p.handle.emplace(std::move(f));
    return p;
}

part stack_maker::make_users_gate()
{
    part p{.what = kind::users_gate, .name = name_of("ug")};
    auto const most = random_.between(1, 8);
    p.delays = true;
    p.text = number(most);
    p.handle.emplace(
        std::shared_ptr<gate>(std::make_shared<users_gate>(p.name, most, random_.word(), user_)));
    return p;
}

part stack_maker::make_users_loop()
{
    part p{.what = kind::users_loop, .name = name_of("ul")};
    auto const pause = random_.milliseconds(0, 10);
    p.attempts = random_.between(2, 3);
    p.delays = true;
    p.text = number(p.attempts) + " every " + to_string(pause);
    p.handle.emplace(std::shared_ptr<loop const>(
        std::make_shared<users_loop const>(p.name, p.attempts, pause, random_.word(), user_)));
    return p;
}

namespace {

judgement judge_value(std::int64_t const& value)
{
    if (value == -2) return verdict::failure;
    if (value < 0) return verdict::success;
    switch (ticket::unpack(value).end) {
    case ending::judged_failure: return verdict::failure;
    case ending::judged_throttled: return {verdict::throttled, 7ms};
    case ending::judged_ignored: return verdict::ignored;
    case ending::judge_throws: throw users_mistake();
    default: return verdict::success;
    }
}

judgement judge_failure(failure const& why)
{
    if (!is_simulated(why.code)) return verdict::failure;
    switch (ticket::unpack(why.code.value()).end) {
    case ending::error_with_hint: return {verdict::throttled, 4ms};
    case ending::error_ignored: return verdict::ignored;
    default: return verdict::failure;
    }
}

/// Nothing: the policy is none of those that may have rules of their own.
template <class Policy, class... Rules>
std::optional<any_part> with_rules(Policy const& policy, Rules const&... rules)
{
    if constexpr (requires { any_part(judged(policy, rules...)); })
        return judged(policy, rules...);
    else
        return std::nullopt;
}

} // namespace

/// The same, if it is one of those that may have such rules.
part stack_maker::with_rules_of_its_own(part p)
{
    auto const of_values = [user = user_](std::int64_t const& value) { return judge_value(value); };
    auto const of_failures = [user = user_](failure const& why) { return judge_failure(why); };
    auto const which = random_.below(3);
    auto wrapped = std::visit(
        [&](auto const& policy) {
            if (which == 0) return with_rules(policy, of_values);
            if (which == 1) return with_rules(policy, of_failures);
            return with_rules(policy, of_values, of_failures);
        },
        *p.handle);
    if (!wrapped) return p;
    p.handle = std::move(wrapped);
    p.judges = true;
    p.text += ", judged";
    return p;
}

part stack_maker::make_classifier_of_values()
{
    part p{.what = kind::classifier, .name = "values", .text = "of values"};
    p.handle.emplace(classifier([user = user_](std::int64_t const& value) { return judge_value(value); }));
    return p;
}

part stack_maker::make_classifier_of_failures()
{
    part p{.what = kind::classifier, .name = "failures", .text = "of failures"};
    p.handle.emplace(classifier([user = user_](failure const& why) { return judge_failure(why); }));
    return p;
}

} // namespace keel::simulated
