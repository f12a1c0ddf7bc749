// The way in: gates admit, limits begin, and at last the operation runs.

#include <keel/pipeline/detail/call.hpp>

namespace keel::detail {

// ----------------------------------------------------------------------------------------------------

std::optional<call::action> call::step_in()
{
    if (caller_cancelled_) {
        fail_by_caller();
        return std::nullopt;
    }
    if (deadline_ <= now_) {
        fail_timed_out(owner_, verdict::ignored, "not_started");
        return std::nullopt;
    }
    if (index_ == plan_->steps.size()) return begin_attempt();
    return std::visit([this](auto const& step) { return enter(step); }, plan_->steps[index_]);
}

std::optional<call::action> call::enter(gate_step const& step)
{
    waiter::deadline = deadline_;
    auto const answer = step.held->admit(now_, this, origin(index_), sink());
    switch (answer.what) {
    case admission::kind::granted: go_in(answer.pass); return std::nullopt;
    case admission::kind::refused: reject(answer.why, answer.at); return std::nullopt;
    case admission::kind::wait_turn: return park(stage::queued, waiter::deadline);
    case admission::kind::wait_until: break;
    }
    pass = answer.pass;
    return park(stage::reserved, *answer.at);
}

std::optional<call::action> call::enter(timeout_step const& step)
{
    auto const limit = policy::timeout(step.options);
    auto const own = limit.deadline(now_);
    at(index_) = timeout_slot{limit, own, deadline_, owner_};
    if (own < deadline_) {
        deadline_ = own;
        owner_ = index_;
    }
    ++index_;
    return std::nullopt;
}

std::optional<call::action> call::enter(retry_step const& step)
{
    at(index_) = retry_slot{policy::retry(*step.options)};
    std::get<retry_slot>(at(index_)).loop.start(now_);
    if (step.budget) step.budget->call_started(now_);
    ++index_;
    return std::nullopt;
}

std::optional<call::action> call::enter(fallback_step const&)
{
    ++index_;
    return std::nullopt;
}

std::optional<call::action> call::begin_attempt()
{
    ++attempts_;
    stage_ = stage::running;
    return deadline_ == never ? action::run : action::supervise;
}

call::action call::park(stage waiting, time_point until_when)
{
    stage_ = waiting;
    waking_ = false;
    supervised(false);
    if (until_when != never) arm(until_when, now_);
    return action::park;
}

void call::go_in(grant granted_pass)
{
    at(index_) = gate_slot{granted_pass};
    ++index_;
    stage_ = stage::inward;
}

void call::turn_over()
{
    read_clock();
    if (granted) return go_in(pass);
    if (caller_cancelled_) return fail_by_caller();
    if (now_ >= deadline_) return fail_timed_out(owner_, verdict::ignored, "not_started");
    reject(errc::bulkhead_wait_expired, std::nullopt);
}

void call::reservation_over()
{
    read_clock();
    if (!caller_cancelled_) return go_in(pass);
    gate_here().give_back(pass, now_);
    fail_by_caller();
}

void call::pause_over()
{
    read_clock();
    auto const& step = std::get<retry_step>(plan_->steps[index_]);
    auto& own = std::get<retry_slot>(at(index_));
    if (caller_cancelled_) {
        fail_by_caller();
        stop_retrying(step, retry_stop::cancelled);
    } else if (step.budget && !step.budget->try_retry(own.cause, now_)) {
        stop_retrying(step, retry_stop::budget);
    } else {
        own.retrying = true;
        own.charged = step.budget ? step.budget->cost(own.cause) : 0;
        own.loop.attempt_started();
        ++index_;
        stage_ = stage::inward;
    }
}

} // namespace keel::detail
