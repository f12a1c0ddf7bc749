// The way in: gates admit, limits begin, and at last the operation runs.

#include <keel/pipeline/detail/call.hpp>

#include <algorithm>
#include <new>

namespace keel::detail {

call::action call::next(asio::cancellation_state const& state)
{
    note(state);
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
    waiter::deadline = until;
    granted = false; // perhaps by a gate before
    try {
        return g.admit(visit_);
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
    case admission::kind::wait_turn: return park(stage::queued, std::min(waiter::deadline, until));
    case admission::kind::wait_until: break;
    }
    pass = answer.pass;
    return park(stage::reserved, std::min(*answer.at, until));
}

inline call::action call::enter(timeout_step const& step)
{
    auto const limit = policy::timeout(step.options);
    auto const own = limit.deadline(now_());
    at(index_).hold_limit(own, until, owner_);
    if (own < until) {
        until = own;
        owner_ = index_;
    }
    ++index_;
    if (has_run_out_of_time()) fail_timed_out(owner_, verdict::ignored, "not_started");
    return action::go_on;
}

retry_held& call::another_retry(retry_step const& step)
{
    return *rare().retries.emplace_back(std::make_unique<retry_held>(policy::retry(*step.options)));
}

inline call::action call::enter(retry_step const& step)
{
    auto& own = retry_ ? another_retry(step) : retry_.emplace(policy::retry(*step.options));
    own.loop.start(step.options->max_duration ? now_() : time_point{});
    if (step.budget) step.budget->call_started(now_);
    at(index_).hold(own);
    ++index_;
    return action::go_on;
}

inline call::action call::enter(fallback_step const&)
{
    at(index_).clear();
    ++index_;
    return action::go_on;
}

inline call::action call::enter(loop_step const& step)
{
    try {
        rare().loops.push_back(step.held->begin(now_));
    } catch (...) { // a user's own loop
        fail_by_predicate();
        return action::go_on;
    }
    at(index_).hold(*rare_->loops.back());
    ++index_;
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
    if (caller_cancelled_) {
        fail_by_caller();
        return action::go_on;
    }
    if (has_run_out_of_time()) {
        fail_timed_out(owner_, verdict::ignored, "not_started");
        return action::go_on;
    }
    auto const* const steps = plan_.steps.data();
    auto const all = plan_.steps.size();
    while (index_ < all) {
        auto const to_do = enter(steps[index_]);
        if (to_do != action::go_on || stage_ != stage::inward) return to_do;
    }
    return begin_attempt();
}

inline call::action call::begin_attempt()
{
    ++attempts;
    if (traced_) attempt_began_ = now_();
    return run_operation();
}

void call::going_in()
{
    if (!scope_) return;
    scope_->enter(*this);
    if (until == never) return;
    last_turn_ = false;
    arm(until, now_());
}

/// An operation that must be cut short is spawned, unless the call is in a scope; one that may be abandoned
/// is spawned in any case.
call::action call::run_operation()
{
    stage_ = stage::running;
    auto const must_be_cut_short = until != never || known_to_;
    if (must_be_cut_short && (!scope_ || plan_.may_abandon)) return action::supervise;
    return answering_ || plan_.may_outlive_call() ? action::start : action::run;
}

call::action call::park(stage waiting, time_point until_when)
{
    stage_ = waiting;
    waking_ = false;
    supervised(false);
    if (until_when != never && !arm_if_possible(until_when)) give_up_waiting();
    now_.pass();
    return action::park;
}

void call::listen_while_parked(asio::cancellation_slot slot)
{
    try {
        listen(slot);
    } catch (std::bad_alloc const&) {
        give_up_waiting();
    }
}

/// There is no memory to wait. A call whose turn has just come parks all the same: it is about to be woken,
/// and whoever wakes it must find it.
/// \throws std::bad_alloc
void call::give_up_waiting()
{
    if (stage_ == stage::queued && !gate_here().withdraw(*this, visit_)) return;
    throw std::bad_alloc();
}

void call::go_in(grant const& granted_pass)
{
    at(index_).hold(granted_pass);
    ++index_;
    stage_ = stage::inward;
}

void call::turn_over()
{
    if (granted) return go_in(pass);
    if (caller_cancelled_) return fail_by_caller();
    if (has_run_out_of_time()) return fail_timed_out(owner_, verdict::ignored, "not_started");
    reject(errc::bulkhead_wait_expired, std::nullopt);
}

void call::reservation_over()
{
    if (!caller_cancelled_ && !has_run_out_of_time()) return go_in(pass);
    gate_here().give_back(pass, visit_);
    if (caller_cancelled_) return fail_by_caller();
    fail_timed_out(owner_, verdict::ignored, "not_started");
}

void call::pause_over()
{
    if (auto const* const step = std::get_if<retry_step>(&plan_.steps[index_]))
        return retry_pause_over(*step);
    if (caller_cancelled_) return fail_by_caller();
    go_in_again();
}

/// The attempt before, or its rejection, is forgotten: what the next one returns is judged by itself.
void call::go_in_again()
{
    forget_failure();
    ++index_;
    stage_ = stage::inward;
}

void call::retry_pause_over(retry_step const& step)
{
    auto& own = retry_at(index_);
    if (caller_cancelled_) {
        fail_by_caller();
        stop_retrying(step, retry_stop::cancelled);
    } else if (step.budget && !step.budget->try_retry(own.cause, now_)) {
        stop_retrying(step, retry_stop::budget);
    } else {
        own.retrying = true;
        own.charged = step.budget ? step.budget->cost(own.cause) : 0;
        own.loop.attempt_started();
        go_in_again();
    }
}

} // namespace keel::detail
