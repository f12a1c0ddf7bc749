#include <keel/pipeline/detail/call.hpp>

#include <keel/async/detail/live_calls.hpp>
#include <keel/pipeline/detail/orphan_luggage.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace keel::detail {

call::call(passage& way, from where) : parking(way.executor(), way.context), way_(way), plan_(way.made_of)
{
    way_.seen.waiter = this;
    if (where == from::end_of_operation)
        stage_ = stage::running;
    else
        prepare();
    take_over();
}

/// Nothing has been passed yet but what a passage could pass.
void call::prepare()
{
    if (way_.traced) began_ = way_.now();
    if (plan_.steps.size() > direct_steps) {
        rare().slots.resize(plan_.steps.size());
        way_.slots = rare_->slots.data();
    }
    if (way_.by->limits_or_names) heed(way_.by->wanted);
    if (way_.known_to) join_the_known();
}

/// Of a retry, a passage keeps nothing.
void call::take_over()
{
    for (step_index i = 0; i < way_.index; ++i)
        if (auto const* const step = std::get_if<retry_step>(&plan_.steps[i])) hold_retry(*step, i);
}

void call::join_the_known()
{
    if (!way_.known_to->join(*this, executor(), is_inside_another()))
        called_off_ = way_.caller_cancelled = true;
}

void call::heed(overrides const& wanted)
{
    auto& until = way_.inherited;
    if (wanted.deadline()) until = std::min(until, *wanted.deadline());
    if (wanted.limit()) until = std::min(until, saturating_add(way_.now(), *wanted.limit()));
    if (!wanted.idempotency_key().empty()) way_.idempotency_key = &wanted.idempotency_key();
    way_.until = until;
}

void call::leave_the_known() noexcept { way_.known_to->leave(*this); }

/// Another call waits for this one, and would not finish without it.
bool call::is_inside_another() const noexcept
{
    return way_.in && (way_.in->innermost || way_.in->context.attempt > 0);
}

void call::refuse(errc why, std::size_t step)
{
    auto const by = static_cast<step_index>(step);
    fail_by_policy(why, verdict::ignored, keel::ended_by::rejection, by);
    if (sink()) telemetry::emit(sink(), telemetry::rejected{origin(by), why, std::nullopt});
}

void call::turned_away(errc why)
{
    way_.count_attempts(way_.attempts - 1);
    attempt_began_ = never;
    refuse(why, plan_.runs->step);
}

// --- the attempt
// ------------------------------------------------------------------------------------------------

call_context call::describe_attempt() const
{
    // The one that was left may have ended, if we were only spawned in it.
    auto const* const about = way_.has_left ? scope_of(executor()).get() : way_.in;
    auto known = about ? about->describe() : call_context();
    known.deadline = way_.until;
    known.attempt = way_.attempts;
    if (way_.idempotency_key) known.idempotency_key = *way_.idempotency_key;
    return known;
}

std::shared_ptr<void const> call::belongings() const
{
    if (!rare_) return nullptr;
    if (answering_) return rare_->failed;
    return rare_->kept;
}

std::shared_ptr<void> call::luggage()
{
    return plan_.may_abandon ? std::make_shared<orphan_luggage>(way_.by, way_.attempts, context()) : nullptr;
}

void call::means_to(std::size_t step, std::optional<judgement> own)
{
    auto& all = rare().meanings;
    if (all.size() <= step) all.resize(step + 1);
    all[step] = own;
}

void call::forget_meanings() noexcept
{
    if (rare_) rare_->meanings.clear();
}

void call::ended(bool has_value, judgement what)
{
    conclude_attempt(has_value, what);
    if (way_.traced) tell_attempt_ended();
}

void call::conclude_attempt(bool has_value, judgement what)
{
    auto const by = answering_ ? keel::ended_by::fallback : keel::ended_by::operation;
    auto const step = answering_ ? way_.index : nobody;
    auto const cut_short = std::exchange(way_.cut_short, false);
    auto const expired = std::exchange(way_.expired, nobody);
    answering_ = nullptr;
    hint_ = what.retry_after;
    if (hint_ && !failure_.retry_at) failure_.retry_at = saturating_add(way_.now(), *hint_);

    auto const good = what.what == verdict::success || what.what == verdict::ignored;
    if (!has_value || failure_.code || !good) {
        if (cut_short) return fail_timed_out(expired, verdict::failure, "ended");
        if (way_.caller_cancelled && way_.inherited != never && way_.inherited <= way_.now())
            return fail_timed_out(nobody, verdict::failure, "ended");
        if (way_.caller_cancelled) {
            conclude(verdict::ignored, called_off_ ? keel::ended_by::shutdown : keel::ended_by::caller,
                     nobody);
            has_value_ = has_value;
            return;
        }
    }
    conclude(what.what, by, step);
    has_value_ = has_value;
}

void call::misjudged(failure&& thrown)
{
    answering_ = nullptr;
    way_.cut_short = false;
    way_.expired = nobody;
    failure_ = std::move(thrown);
    if (way_.caller_cancelled) forget_meanings();
    conclude(verdict::ignored, keel::ended_by::predicate, nobody);
    if (way_.traced) tell_attempt_ended();
}

void call::leave_behind(std::shared_ptr<attempt_base> const& running)
{
    answering_ = nullptr;
    auto& luggage = *std::static_pointer_cast<orphan_luggage>(running->luggage);
    luggage.leave(left_by_);
    for (auto i = way_.index; i > left_by_ + 1; --i) {
        auto const* const step = std::get_if<gate_step>(&plan_.steps[i - 1]);
        auto const* const taken = at(i - 1).permit();
        if (!step || !taken || !step->held->holds_capacity()) continue;
        luggage.add(step->held, *taken);
        at(i - 1).clear();
    }
    auto const expired = std::exchange(way_.expired, nobody);
    if (std::exchange(way_.cut_short, false))
        fail_timed_out(expired, verdict::failure, "abandoned");
    else
        fail_by_caller();
    if (way_.traced) tell_attempt_ended();
}

// --- how an attempt ends
// ----------------------------------------------------------------------------------------

// Member by member: an empty failure that is made and copied costs as much as the rest of a refusal.
void call::forget_failure() noexcept
{
    failure_.code.clear();
    if (failure_.exception) failure_.exception = nullptr;
    failure_.retry_at.reset();
    failure_.from_policy = false;
}

void call::fail_by_policy(errc why, verdict v, keel::ended_by by, step_index step)
{
    hint_.reset();
    forget_failure();
    failure_.code.assign(static_cast<int>(why), keel_category());
    failure_.from_policy = true;
    conclude(v, by, step);
}

// What cancels a call from outside may be a limit that it inherits.
void call::fail_by_caller()
{
    if (way_.inherited != never && way_.inherited <= way_.now())
        return fail_timed_out(nobody, verdict::ignored, "not_started");
    if (called_off_)
        return fail_by_policy(errc::shutting_down, verdict::ignored, keel::ended_by::shutdown, nobody);
    forget_failure();
    failure_.code = asio::error::operation_aborted;
    conclude(verdict::ignored, keel::ended_by::caller, nobody);
}

void call::fail_timed_out(step_index step, verdict v, std::string_view operation)
{
    auto const own = step != nobody;
    fail_by_policy(errc::timed_out, v, own ? keel::ended_by::timeout : keel::ended_by::deadline, step);
    if (!sink()) return;
    auto const limit = own ? std::get<timeout_step>(plan_.steps[step]).options.limit : duration::zero();
    telemetry::emit(sink(), telemetry::timed_out{origin(step), limit, operation});
}

void call::fail_by_predicate()
{
    forget_failure();
    forget_meanings();
    failure_.exception = std::current_exception();
    conclude(verdict::ignored, keel::ended_by::predicate, way_.index);
}

void call::reject(errc why, std::optional<time_point> const& retry_at)
{
    fail_by_policy(why, verdict::ignored, keel::ended_by::rejection, way_.index);
    if (retry_at) failure_.retry_at = *retry_at;
    if (sink()) telemetry::emit(sink(), telemetry::rejected{origin(way_.index), why, hint()});
}

/// How long from now nobody need try again, if anybody knows.
std::optional<duration> call::hint()
{
    if (auto const* const own = rare_ ? own_meaning() : nullptr; own && own->retry_after)
        return own->retry_after;
    if (hint_ || !failure_.retry_at) return hint_;
    return std::max(duration::zero(), saturating_sub(*failure_.retry_at, way_.now()));
}

// --- the end
// ----------------------------------------------------------------------------------------------------

telemetry::origin call::origin(step_index step)
{
    return way_.seen.by(step < plan_.steps.size() ? name_of(plan_.steps[step]) : std::string_view());
}

void call::tell_attempt_ended()
{
    if (attempt_began_ == never) return;
    auto const took = saturating_sub(way_.now(), std::exchange(attempt_began_, never));
    auto const meaning = report_.verdict;
    auto const handled = meaning == verdict::failure || meaning == verdict::throttled;
    telemetry::emit(
        sink(), telemetry::attempt_ended{origin(nobody), to_string(meaning), handled, failure_.code, took});
}

void call::tell_retry_scheduled(std::uint32_t number, duration length)
{
    telemetry::emit(sink(), telemetry::retry_scheduled{origin(way_.index), number, length, failure_.code});
}

void call::tell_retry_stopped(retry_stop why)
{
    telemetry::emit(sink(), telemetry::retry_stopped{origin(way_.index), to_string(why), failure_.code});
}

void call::tell_call_ended()
{
    telemetry::emit(sink(), telemetry::call_ended{origin(nobody), to_string(report_.ended_by),
                                                  to_string(report_.verdict), failure_.code,
                                                  saturating_sub(way_.now(), began_)});
}

policy_name call::name_policy() const noexcept { return {plan_.names, (*plan_.names)[ended_step_]}; }

/// The frame is being destroyed before the call has finished: its context is going away.
void call::give_everything_back() noexcept
{
    if (running_) running_->waited_for_by(nullptr);
    if (stage_ == stage::queued && !gate_here().withdraw(*this, way_.seen) && granted)
        at(way_.index++).hold(pass);
    if (stage_ == stage::reserved) gate_here().give_back(pass, way_.seen);
    if (stage_ == stage::pausing) ++way_.index;
    while (way_.index > 0) {
        --way_.index;
        close(plan_.steps[way_.index], at(way_.index));
    }
}

void call::close(any_step const& step, slot& taken) noexcept
{
    if (auto const* const permit = taken.permit())
        std::get<gate_step>(step).held->settle(*permit, verdict::ignored, way_.seen);
    if (auto* const retry = taken.retry()) close(std::get<retry_step>(step), *retry);
}

} // namespace keel::detail
