// The way out: gates hear the verdict, a retry may turn round, a fallback may answer.

#include <keel/pipeline/detail/call.hpp>

#include <keel/async/detail/hand_over.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace keel::detail {
namespace {

// Some calls are tried for ever.
constexpr std::size_t most_remembered = 64;

/// The steps further in were left before: what is behind `held` is theirs.
template <class Held>
void drop_from(Held const& held, std::vector<std::unique_ptr<Held>>& all) noexcept
{
    while (&held != all.back().get()) all.pop_back();
    all.pop_back();
}

} // namespace

/// What the step we are at makes of the attempt's result by rules of its own, if it has any.
judgement const* call::own_meaning() const noexcept
{
    auto const by = report_.ended_by; // by a predicate: one of these rules has thrown
    if (by != keel::ended_by::operation && by != keel::ended_by::fallback && by != keel::ended_by::predicate)
        return nullptr;
    if (rare_->meanings.size() <= way_.index || !rare_->meanings[way_.index]) return nullptr;
    return &*rare_->meanings[way_.index];
}

inline verdict call::verdict_here() const noexcept
{
    if (!rare_) return report_.verdict;
    auto const* const own = own_meaning();
    return own ? own->what : report_.verdict;
}

inline verdict call::verdict_for(gate& g)
{
    auto const seen = verdict_here();
    if (seen != verdict::failure && seen != verdict::throttled) return seen;
    try {
        return g.narrow(seen, failure_);
    } catch (...) {
        fail_by_predicate();
        return seen;
    }
}

inline call::action call::leave(gate_step const& step)
{
    auto const* const taken = at(way_.index).permit();
    if (!taken) return action::go_on; // an orphan has it
    step.held->settle(*taken, verdict_for(*step.held), way_.seen);
    at(way_.index).clear();
    return action::go_on;
}

inline call::action call::leave(timeout_step const&)
{
    auto const& own = *at(way_.index).limit();
    way_.until = own.outer_deadline;
    way_.owner = own.outer_owner;
    return action::go_on;
}

/// A limit further out has passed.
bool call::is_out_of_time() const noexcept
{
    return report_.ended_by == keel::ended_by::deadline ||
           (report_.ended_by == keel::ended_by::timeout && ended_step_ < way_.index);
}

bool call::is_cancelled_by_caller() const noexcept
{
    return report_.ended_by == keel::ended_by::caller || way_.caller_cancelled;
}

inline call::action call::leave(retry_step const& step)
{
    auto& own = retry_at(way_.index);
    if (std::exchange(own.retrying, false) && step.budget) step.budget->retry_ended();
    auto const charged = std::exchange(own.charged, 0);

    auto const seen = verdict_here();
    if (seen == verdict::success && step.budget) step.budget->succeeded(charged);
    if (seen == verdict::success || (has_value_ && seen == verdict::ignored)) {
        auto const is_over = report_.ended_by == keel::ended_by::predicate; // another's rule has thrown
        report_.stopped = is_over ? retry_stop::not_retryable : retry_stop::success;
        end_retrying(step, own);
        return action::go_on;
    }
    return retry_after_failure(step, own);
}

void call::end_retrying(retry_step const& step, retry_held& own) noexcept
{
    close(step, own);
    at(way_.index).clear();
    if (&own != &*retry_) return drop_from(own, rare_->retries);
    if (rare_) rare_->retries.clear();
    retry_.reset();
}

call::action call::retry_after_failure(retry_step const& step, retry_held& own)
{
    if (is_cancelled_by_caller()) return stop_retrying(step, retry_stop::cancelled);
    if (is_out_of_time()) return stop_retrying(step, retry_stop::deadline);
    if (!way_.by->wanted.may_retry()) return stop_retrying(step, retry_stop::no_retry);
    if (!is_retryable(*step.options)) return stop_retrying(step, retry_stop::not_retryable);

    own.cause = failure_.code == errc::timed_out ? policy::retry_cause::timeout : policy::retry_cause::error;
    if (step.budget) step.budget->failed();
    auto const limit = way_.until == never ? std::nullopt : std::optional(way_.until);
    policy::retry_action decision;
    try {
        decision = own.loop.attempt_failed(way_.now(), limit, hint(), context().draw());
    } catch (...) { // the user's own backoff function
        fail_by_predicate();
        return stop_retrying(step, retry_stop::not_retryable);
    }
    if (auto const* over = std::get_if<policy::give_up>(&decision)) return stop_retrying(step, over->why);
    if (step.budget && !step.budget->has_retry(own.cause, way_.now))
        return stop_retrying(step, retry_stop::budget);

    auto const length = std::get<policy::retry_after>(decision).pause;
    if (sink()) tell_retry_scheduled(own.loop.attempts() + 1, length);
    return pause(length);
}

/// Waits even for no time: others must have their turn.
call::action call::pause(duration length)
{
    pausing_since_ = way_.now();
    pause_ = length;
    return park(stage::pausing, saturating_add(pausing_since_, length));
}

/// The try before was not the call's last word.
void call::remember_attempt(time_point ended, duration pause) noexcept
{
    if (!remembers_) return;
    try {
        auto& all = report_.earlier;
        if (all.size() == most_remembered) all.erase(all.begin());
        all.push_back({failure_, report_.ended_by, verdict_here(), {}, way_.attempts, ended, pause});
        if (has_policy_to_name()) all.back().policy = name_policy();
    } catch (std::bad_alloc const&) { // the call is worth more than its story
    }
}

call::action call::stop_retrying(retry_step const& step, retry_stop why)
{
    report_.stopped = why;
    auto const worth_telling = why != retry_stop::cancelled && way_.attempts > 0;
    if (worth_telling && sink()) tell_retry_stopped(why);
    end_retrying(step, retry_at(way_.index));
    stage_ = stage::outward;
    return action::go_on;
}

bool call::is_retryable(retry_options const& options)
{
    if (report_.ended_by == keel::ended_by::predicate) return false;
    if (report_.ended_by == keel::ended_by::rejection) {
        if (!options.retry_rejected || failure_.code != condition::transient) return false;
    } else if (report_.ended_by != keel::ended_by::timeout && verdict_here() == verdict::ignored) {
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

inline call::action call::leave(fallback_step const& step)
{
    auto const seen = verdict_here();
    if (seen == verdict::success || report_.ended_by == keel::ended_by::predicate) return action::go_on;
    if (seen == verdict::ignored && report_.ended_by == keel::ended_by::operation) return action::go_on;
    if (is_out_of_time()) return action::go_on;
    std::optional<std::size_t> chosen;
    try {
        chosen = step.state->choice.choose(failure_, is_cancelled_by_caller());
    } catch (...) {
        fail_by_predicate();
        return action::go_on;
    }
    if (!chosen) return action::go_on;
    if (sink()) telemetry::emit(sink(), telemetry::fell_back{origin(way_.index), failure_.code});
    remember_attempt(way_.now(), duration::zero());
    answering_ = step.state->alternatives[*chosen].get();
    if (plan_.may_abandon) rare().failed = std::make_shared<failure const>(failure_);
    return run_operation();
}

inline call::action call::leave(loop_step const&)
{
    auto& own = *at(way_.index).loop();
    auto const to_do = ask(own);
    if (to_do != action::go_on) return to_do;
    at(way_.index).clear();
    drop_from(own, rare_->loops);
    return action::go_on;
}

call::action call::ask(loop_run& run)
{
    if (is_cancelled_by_caller() || is_out_of_time() || report_.ended_by == keel::ended_by::predicate)
        return action::go_on;
    loop_action wanted;
    try {
        wanted = run.attempt_ended(
            {way_.now, verdict_here(), failure_, way_.attempts, way_.until, context().draw()});
    } catch (...) { // a user's own loop
        fail_by_predicate();
        return action::go_on;
    }
    if (auto const* other = std::get_if<fail_with>(&wanted); other && other->error) {
        remember_attempt(way_.now(), duration::zero());
        forget_failure();
        failure_.code = other->error;
        failure_.from_policy = true;
        conclude(report_.verdict, keel::ended_by::rejection, way_.index);
        return action::go_on;
    }
    auto const* const again = std::get_if<run_again>(&wanted);
    if (!again || !way_.by->wanted.may_retry()) return action::go_on;
    auto const length = std::max(duration::zero(), again->after);
    if (way_.until != never && saturating_add(way_.now(), length) >= way_.until) return action::go_on;
    if (sink()) tell_retry_scheduled(way_.attempts + 1, length);
    return pause(length);
}

inline call::action call::leave(any_step const& step)
{
    switch (kind_of(step)) {
    case step_kind::gate: return leave(*std::get_if<gate_step>(&step));
    case step_kind::timeout: return leave(*std::get_if<timeout_step>(&step));
    case step_kind::retry: return leave(*std::get_if<retry_step>(&step));
    case step_kind::fallback: return leave(*std::get_if<fallback_step>(&step));
    case step_kind::loop: return leave(*std::get_if<loop_step>(&step));
    }
    return action::go_on;
}

inline call::action call::end_call()
{
    stage_ = stage::finished;
    report_.attempts = way_.attempts;
    if (way_.traced) tell_call_ended();
    return action::finish;
}

call::action call::walk_out()
{
    hand_over const places(context(), executor());
    auto const* const steps = plan_.steps.data();
    while (stage_ == stage::outward) {
        if (way_.index == 0) return end_call();
        --way_.index;
        auto const to_do = leave(steps[way_.index]);
        if (to_do != action::go_on) return to_do;
    }
    return action::go_on;
}

call::action call::next_after_success(asio::cancellation_state const& state)
{
    come_out(state);
    way_.cut_short = false;
    way_.expired = nobody;
    hint_.reset();
    conclude(verdict::success, keel::ended_by::operation, nobody);
    has_value_ = true;
    if (way_.traced) tell_attempt_ended();
    auto const to_do = walk_out();
    return to_do == action::go_on ? next(state) : to_do;
}

} // namespace keel::detail
