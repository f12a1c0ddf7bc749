// The way in: gates admit, limits begin, and at last the operation runs.

#include <keel/pipeline/detail/call.hpp>

#include <algorithm>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace keel::detail {

call::action call::next(asio::cancellation_state const& state)
{
    way_.note(state);
    if (stage_ != stage::inward) go_on_after_wait();
    for (;;) {
        auto to_do = action::finish;
        if (stage_ == stage::inward) to_do = walk_in();
        if (stage_ == stage::outward) to_do = walk_out();
        if (to_do != action::go_on) return to_do;
    }
}

/// What was waited for has come, or will not come.
void call::go_on_after_wait()
{
    switch (stage_) {
    case stage::queued: return turn_over();
    case stage::reserved: return reservation_over();
    case stage::pausing: return pause_over();
    case stage::running: stage_ = stage::outward; return;
    case stage::inward:
    case stage::outward:
    case stage::finished: return;
    }
}

inline admission call::ask(gate& g)
{
    waiter::deadline = way_.until;
    granted = false; // perhaps by a gate before
    try {
        return g.admit(way_.seen);
    } catch (...) { // a user's own gate
        fail_by_predicate();
        return admission();
    }
}

inline call::action call::enter(gate_step const& step)
{
    auto const answer = ask(*step.held);
    if (stage_ != stage::inward) return action::go_on; // it threw
    switch (answer.what) {
    case admission::kind::granted: go_in(answer.pass); return action::go_on;
    case admission::kind::refused: reject(answer.why, answer.at); return action::go_on;
    case admission::kind::wait_turn: return park(stage::queued, std::min(waiter::deadline, way_.until));
    case admission::kind::wait_until: break;
    }
    pass = answer.pass;
    return park(stage::reserved, std::min(*answer.at, way_.until));
}

inline call::action call::enter(timeout_step const& step)
{
    auto const limit = policy::timeout(step.options);
    auto const own = limit.deadline(way_.now());
    at(way_.index).hold_limit(own, way_.until, way_.owner);
    if (own < way_.until) {
        way_.until = own;
        way_.owner = way_.index;
    }
    ++way_.index;
    if (has_run_out_of_time()) fail_timed_out(way_.owner, verdict::ignored, "not_started");
    return action::go_on;
}

retry_held& call::another_retry(retry_step const& step)
{
    return *rare().retries.emplace_back(std::make_unique<retry_held>(policy::retry(*step.options)));
}

void call::hold_retry(retry_step const& step, step_index i)
{
    auto& own = retry_ ? another_retry(step) : retry_.emplace(policy::retry(*step.options));
    own.loop.start(step.options->max_duration ? way_.now() : time_point{});
    at(i).hold(own);
}

inline call::action call::enter(retry_step const& step)
{
    hold_retry(step, way_.index);
    if (step.budget) step.budget->call_started(way_.now);
    ++way_.index;
    return action::go_on;
}

inline call::action call::enter(fallback_step const&)
{
    at(way_.index).clear();
    ++way_.index;
    return action::go_on;
}

inline call::action call::enter(loop_step const& step)
{
    try {
        auto run = step.held->begin(way_.now);
        if (!run)
            throw std::logic_error("keel: the loop \"" + std::string(step.held->name()) + "\" began nothing");
        rare().loops.push_back(std::move(run));
    } catch (...) { // a user's own loop
        fail_by_predicate();
        return action::go_on;
    }
    at(way_.index).hold(*rare_->loops.back());
    ++way_.index;
    return action::go_on;
}

inline call::action call::enter(any_step const& step)
{
    switch (kind_of(step)) {
    case step_kind::gate: return enter(*std::get_if<gate_step>(&step));
    case step_kind::timeout: return enter(*std::get_if<timeout_step>(&step));
    case step_kind::retry: return enter(*std::get_if<retry_step>(&step));
    case step_kind::fallback: return enter(*std::get_if<fallback_step>(&step));
    case step_kind::loop: return enter(*std::get_if<loop_step>(&step));
    }
    return action::go_on;
}

call::action call::walk_in()
{
    if (way_.caller_cancelled) {
        fail_by_caller();
        return action::go_on;
    }
    if (has_run_out_of_time()) {
        fail_timed_out(way_.owner, verdict::ignored, "not_started");
        return action::go_on;
    }
    auto const* const steps = plan_.steps.data();
    auto const all = plan_.steps.size();
    while (way_.index < all) {
        auto const to_do = enter(steps[way_.index]);
        if (to_do != action::go_on || stage_ != stage::inward) return to_do;
    }
    return begin_attempt();
}

inline call::action call::begin_attempt()
{
    way_.count_attempts(way_.attempts + 1);
    if (way_.traced) attempt_began_ = way_.now();
    return run_operation();
}

/// An operation that must be cut short is spawned, unless the call is in a scope; one that may be abandoned
/// is spawned in any case.
call::action call::run_operation()
{
    stage_ = stage::running;
    auto const must_be_cut_short = way_.until != never || way_.known_to;
    return must_be_cut_short && (!way_.in || plan_.may_abandon) ? action::supervise : action::run;
}

void call::go_in(grant const& granted_pass)
{
    at(way_.index).hold(granted_pass);
    ++way_.index;
    stage_ = stage::inward;
}

void call::turn_over()
{
    if (granted) return go_in(pass);
    if (way_.caller_cancelled) return fail_by_caller();
    if (has_run_out_of_time()) return fail_timed_out(way_.owner, verdict::ignored, "not_started");
    reject(errc::bulkhead_wait_expired, std::nullopt);
}

void call::reservation_over()
{
    if (!way_.caller_cancelled && !has_run_out_of_time()) return go_in(pass);
    gate_here().give_back(pass, way_.seen);
    if (way_.caller_cancelled) return fail_by_caller();
    fail_timed_out(way_.owner, verdict::ignored, "not_started");
}

void call::pause_over()
{
    if (auto const* const step = std::get_if<retry_step>(&plan_.steps[way_.index]))
        return retry_pause_over(*step);
    if (way_.caller_cancelled) return fail_in_pause();
    go_in_again();
}

void call::fail_in_pause()
{
    remember_attempt(pausing_since_, pause_);
    fail_by_caller();
}

/// The attempt before, or its rejection, is forgotten: what the next one returns is judged by itself.
void call::go_in_again()
{
    remember_attempt(pausing_since_, pause_);
    forget_failure();
    ++way_.index;
    stage_ = stage::inward;
}

void call::retry_pause_over(retry_step const& step)
{
    auto& own = retry_at(way_.index);
    if (way_.caller_cancelled) {
        fail_in_pause();
        stop_retrying(step, retry_stop::cancelled);
    } else if (step.budget && !step.budget->try_retry(own.cause, way_.now)) {
        stop_retrying(step, retry_stop::budget);
    } else {
        own.retrying = true;
        own.charged = step.budget ? step.budget->cost(own.cause) : 0;
        own.loop.attempt_started();
        go_in_again();
    }
}

} // namespace keel::detail
