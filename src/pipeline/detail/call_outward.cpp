// The way out: gates hear the verdict, a retry may turn round, a fallback may answer.

#include <keel/pipeline/detail/call.hpp>

#include <utility>

namespace keel::detail {

// ---------------------------------------------------------------------------------------------------

std::optional<call::action> call::step_out()
{
    if (index_ == 0) {
        stage_ = stage::finished;
        return std::nullopt;
    }
    --index_;
    return std::visit([this](auto const& step) { return leave(step); }, plan_->steps[index_]);
}

std::optional<call::action> call::leave(gate_step const& step)
{
    auto* const taken = std::get_if<gate_slot>(&at(index_));
    if (!taken) return std::nullopt; // an orphan has it
    auto const granted_pass = taken->pass;
    at(index_) = std::monostate{};
    step.held->settle(granted_pass, verdict_for(*step.held), now_, origin(index_), sink());
    return std::nullopt;
}

verdict call::verdict_for(gate& g)
{
    auto const seen = verdict_;
    if (seen != verdict::failure && seen != verdict::throttled) return seen;
    try {
        return g.narrow(seen, failure_);
    } catch (...) {
        fail_by_predicate();
        return seen;
    }
}

std::optional<call::action> call::leave(timeout_step const&)
{
    auto const& own = std::get<timeout_slot>(at(index_));
    deadline_ = own.outer_deadline;
    owner_ = own.outer_owner;
    return std::nullopt;
}

std::optional<call::action> call::leave(retry_step const& step)
{
    auto& own = std::get<retry_slot>(at(index_));
    if (own.retrying && step.budget) step.budget->retry_ended();
    auto const charged = std::exchange(own.charged, 0);
    own.retrying = false;

    if (verdict_ == verdict::success) {
        if (step.budget) step.budget->succeeded(charged);
        return stop_retrying(step, retry_stop::success);
    }
    if (has_value_ && verdict_ == verdict::ignored) return stop_retrying(step, retry_stop::success);
    if (ended_by_ == keel::ended_by::caller || caller_cancelled_)
        return stop_retrying(step, retry_stop::cancelled);
    if (ended_by_ == keel::ended_by::timeout && ended_step_ < index_)
        return stop_retrying(step, retry_stop::deadline);
    if (!is_retryable(*step.options)) return stop_retrying(step, retry_stop::not_retryable);

    own.cause = failure_.code == errc::timed_out ? policy::retry_cause::timeout : policy::retry_cause::error;
    if (step.budget) step.budget->failed();
    auto const limit = deadline_ == never ? std::nullopt : std::optional(deadline_);
    policy::retry_action decision;
    try {
        decision = own.loop.attempt_failed(now_, limit, hint(), context().draw());
    } catch (...) { // the user's own backoff function
        fail_by_predicate();
        return stop_retrying(step, retry_stop::not_retryable);
    }
    if (auto const* over = std::get_if<policy::give_up>(&decision)) return stop_retrying(step, over->why);
    if (step.budget && !step.budget->has_retry(own.cause, now_))
        return stop_retrying(step, retry_stop::budget);

    auto const pause = std::get<policy::retry_after>(decision).pause;
    telemetry::emit(
        sink(), telemetry::retry_scheduled{origin(index_), own.loop.attempts() + 1, pause, failure_.code});
    return park(stage::pausing, saturating_add(now_, pause)); // even for no time: others must have their turn
}

std::optional<call::action> call::stop_retrying(retry_step const& step, retry_stop why)
{
    auto& own = std::get<retry_slot>(at(index_));
    stopped_ = why;
    auto const worth_telling = why != retry_stop::success && why != retry_stop::cancelled && attempts_ > 0;
    if (worth_telling)
        telemetry::emit(sink(),
                        telemetry::retry_stopped{origin(index_), attempts_, to_string(why), failure_.code});
    close(step, own);
    stage_ = stage::outward;
    return std::nullopt;
}

void call::close(retry_step const& step, retry_slot& own)
{
    if (step.budget) {
        if (own.retrying) step.budget->retry_ended();
        step.budget->call_ended();
    }
    at(index_) = std::monostate{};
}

bool call::is_retryable(retry_options const& options)
{
    if (ended_by_ == keel::ended_by::predicate) return false;
    if (ended_by_ == keel::ended_by::rejection) {
        if (!options.retry_rejected || failure_.code != condition::transient) return false;
    } else if (ended_by_ != keel::ended_by::timeout && verdict_ == verdict::ignored) {
        return false;
    }
    if (!options.retry_if) return true;
    try {
        return options.retry_if(failure_);
    } catch (...) {
        fail_by_predicate();
        return false;
    }
}

std::optional<call::action> call::leave(fallback_step const& step)
{
    if (verdict_ == verdict::success || ended_by_ == keel::ended_by::predicate) return std::nullopt;
    if (verdict_ == verdict::ignored && ended_by_ == keel::ended_by::operation) return std::nullopt;
    if (ended_by_ == keel::ended_by::timeout && ended_step_ < index_)
        return std::nullopt; // no time is left for it
    std::optional<std::size_t> chosen;
    try {
        chosen =
            step.state->choice.choose(failure_, ended_by_ == keel::ended_by::caller || caller_cancelled_);
    } catch (...) {
        fail_by_predicate();
        return std::nullopt;
    }
    if (!chosen) return std::nullopt;
    telemetry::emit(sink(), telemetry::fell_back{origin(index_), failure_.code});
    answering_ = step.state->alternatives[*chosen].get();
    stage_ = stage::running;
    return deadline_ == never ? action::run : action::supervise;
}

} // namespace keel::detail
