#include <keel/pipeline/detail/call.hpp>

#include <keel/async/detail/live_calls.hpp>
#include <keel/pipeline/detail/orphan_luggage.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace keel::detail {

call::call(std::shared_ptr<terms const>& by, asio::any_io_executor const& executor, scope* in)
    : parking(executor, in ? in->home : runtime::of(executor)),
      terms_(by),
      plan_(*by->by),
      known_to_(context().live()),
      scope_(in),
      now_(context().time()),
      visit_{.now = now_, .waiter = this, .weight = by->wanted.weight(), .from = by->origin},
      inherited_(in ? in->deadline() : never),
      traced_(sink() && sink()->least_severity() == telemetry::severity::debug)
{
    if (traced_) began_ = now_();
    slots_ = few_.data();
    if (plan_.steps.size() > few_.size()) {
        rare().slots.resize(plan_.steps.size());
        slots_ = rare_->slots.data();
    }
    if (by->limits_or_names) heed(by->wanted);
    until = inherited_;
    if (known_to_) join_the_known(executor);
}

void call::join_the_known(asio::any_io_executor const& executor)
{
    if (!known_to_->join(*this, executor, is_inside_another())) called_off_ = caller_cancelled_ = true;
}

void call::heed(overrides const& wanted)
{
    if (wanted.deadline()) inherited_ = std::min(inherited_, *wanted.deadline());
    if (wanted.limit()) inherited_ = std::min(inherited_, saturating_add(now_(), *wanted.limit()));
    if (!wanted.idempotency_key().empty()) idempotency_key = &wanted.idempotency_key();
}

void call::leave_the_known() noexcept { known_to_->leave(*this); }

/// Another call waits for this one, and would not finish without it.
bool call::is_inside_another() const noexcept
{
    return scope_ && (scope_->innermost || scope_->context.attempt > 0);
}

void call::refuse(errc why)
{
    fail_by_policy(why, verdict::ignored, keel::ended_by::rejection, nobody);
    if (sink()) telemetry::emit(sink(), telemetry::rejected{origin(nobody), why, std::nullopt});
}

void call::turned_away(errc why)
{
    --attempts;
    auto const step = static_cast<step_index>(plan_.runs->step);
    fail_by_policy(why, verdict::ignored, keel::ended_by::rejection, step);
    if (sink()) telemetry::emit(sink(), telemetry::rejected{origin(step), why, std::nullopt});
}

// --- the attempt
// ------------------------------------------------------------------------------------------------

call_context call::describe_attempt() const
{
    auto known = scope_ ? scope_->describe() : call_context();
    known.deadline = until;
    known.attempt = attempts;
    if (idempotency_key) known.idempotency_key = *idempotency_key;
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
    return plan_.may_abandon ? std::make_shared<orphan_luggage>(terms_->by, context()) : nullptr;
}

bool call::watch(std::shared_ptr<attempt_base> running)
{
    running_ = std::move(running);
    last_turn_ = false;
    supervised(true);
    auto const is_limited = until != never && !running_->finished();
    if (is_limited && !arm_if_possible(until) && !go_on_unlimited()) return false;
    running_->waited_for_by(this);
    return true;
}

/// There is no memory to wait for the limit, so it comes now. False: that has ended the wait, one way or
/// another.
bool call::go_on_unlimited()
{
    if (!caller_cancelled_) {
        cut_short_ = true;
        expired_ = owner_;
    }
    running_->cancel();
    if (running_->finished()) return false;
    left_by_ = ask_expired();
    return left_by_ == nobody;
}

bool call::arm_if_possible(time_point at)
{
    try {
        arm(at, now_());
        return true;
    } catch (std::bad_alloc const&) {
        return false;
    }
}

void call::watched(asio::cancellation_state const& state)
{
    now_.pass();
    running_.reset();
    note(state);
}

void call::means_to(std::size_t step, std::optional<judgement> own)
{
    auto& all = rare().meanings;
    if (all.size() <= step) all.resize(step + 1);
    all[step] = own;
}

void call::ended(bool has_value, judgement what)
{
    conclude_attempt(has_value, what);
    if (traced_) tell_attempt_ended();
}

void call::conclude_attempt(bool has_value, judgement what)
{
    auto const by = answering_ ? keel::ended_by::fallback : keel::ended_by::operation;
    auto const step = answering_ ? index_ : nobody;
    auto const cut_short = std::exchange(cut_short_, false);
    auto const expired = std::exchange(expired_, nobody);
    answering_ = nullptr;
    hint_ = what.retry_after;
    if (hint_ && !failure_.retry_at) failure_.retry_at = saturating_add(now_(), *hint_);

    auto const good = what.what == verdict::success || what.what == verdict::ignored;
    if (!has_value || failure_.code || !good) {
        if (cut_short) return fail_timed_out(expired, verdict::failure, "ended");
        if (caller_cancelled_ && inherited_ != never && inherited_ <= now_())
            return fail_timed_out(nobody, verdict::failure, "ended");
        if (caller_cancelled_) {
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
    cut_short_ = false;
    expired_ = nobody;
    failure_ = std::move(thrown);
    conclude(verdict::ignored, keel::ended_by::predicate, nobody);
    if (traced_) tell_attempt_ended();
}

void call::leave_behind(std::shared_ptr<attempt_base> const& running)
{
    answering_ = nullptr;
    auto& luggage = *std::static_pointer_cast<orphan_luggage>(running->luggage);
    luggage.leave(left_by_);
    for (auto i = index_; i > left_by_ + 1; --i) {
        auto const* const step = std::get_if<gate_step>(&plan_.steps[i - 1]);
        auto const* const taken = at(i - 1).permit();
        if (!step || !taken || !step->held->holds_capacity()) continue;
        luggage.add(step->held, *taken);
        at(i - 1).clear();
    }
    auto const expired = std::exchange(expired_, nobody);
    if (std::exchange(cut_short_, false))
        fail_timed_out(expired, verdict::failure, "abandoned");
    else
        fail_by_caller();
    if (traced_) tell_attempt_ended();
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
    if (inherited_ != never && inherited_ <= now_())
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
    failure_.exception = std::current_exception();
    conclude(verdict::ignored, keel::ended_by::predicate, index_);
}

void call::reject(errc why, std::optional<time_point> const& retry_at)
{
    fail_by_policy(why, verdict::ignored, keel::ended_by::rejection, index_);
    if (retry_at) failure_.retry_at = *retry_at;
    if (sink()) telemetry::emit(sink(), telemetry::rejected{origin(index_), why, hint()});
}

/// How long from now nobody need try again, if anybody knows.
std::optional<duration> call::hint()
{
    if (auto const* const own = rare_ ? own_meaning() : nullptr; own && own->retry_after)
        return own->retry_after;
    if (hint_ || !failure_.retry_at) return hint_;
    return std::max(duration::zero(), saturating_sub(*failure_.retry_at, now_()));
}

// --- while parked, and while the operation runs
// -----------------------------------------------------------------------------------------------

void call::reached()
{
    now_.pass();
    switch (stage_) {
    case stage::queued:
        if (gate_here().withdraw(*this, visit_)) resume();
        return; // else its turn has come, and it will be woken
    case stage::running: return time_is_up();
    default: return resume();
    }
}

void call::cancelled()
{
    caller_cancelled_ = true;
    if (stage_ == stage::running) {
        auto const running = running_;  // the operation may end inside, and with it this call
        if (running) running->cancel(); // else it is only being started, and whoever does that will look
        return;
    }
    if (stage_ == stage::queued && !gate_here().withdraw(*this, visit_)) return;
    if (std::exchange(waking_, true)) return;
    disarm();
    wake();
}

void call::call_off()
{
    if (stage_ == stage::finished || std::exchange(called_off_, true)) return;
    now_.pass();
    if (stage_ != stage::running || running_) return cancelled();
    caller_cancelled_ = true;
    if (!std::exchange(wants_cancel, true)) scope_->root.emit(asio::cancellation_type::terminal);
}

void call::turn_came() { wake(); }

// Nobody may hand a permit to a call whose context is going away.
void call::dropped() noexcept
{
    if (stage_ == stage::queued) gate_here().withdraw(*this, visit_);
}

void call::time_is_up()
{
    auto const running = running_; // the operation may end inside a cancellation, and with it this call
    if (running && running->finished()) return;
    // A result that is ready at this very instant still counts: whatever is runnable now runs first.
    if (!std::exchange(last_turn_, true) && arm_if_possible(now_())) return;
    if (!running) caller_cancelled_ = caller_cancelled_ || scope_->is_cancelled_above(*this);
    if (!caller_cancelled_) {
        cut_short_ = true;
        expired_ = outermost_expired();
    }
    if (!running) {
        (void)ask_expired();
        if (!std::exchange(wants_cancel, true)) scope_->root.emit(asio::cancellation_type::terminal);
        return;
    }
    running->cancel();
    if (running->finished()) return;
    left_by_ = ask_expired();
    if (left_by_ == nobody) return;
    running->waited_for_by(nullptr);
    resume();
}

/// `nobody`: it is one that the call has inherited.
step_index call::outermost_expired()
{
    if (inherited_ <= now_()) return nobody;
    for (step_index i = 0; i < index_; ++i) {
        auto const* const limit = at(i).limit();
        if (limit && limit->own_deadline <= now_()) return i;
    }
    return nobody;
}

/// The operation takes its time to unwind. Each timeout that has passed has a patience of its own, and each
/// that has not may be less patient: whoever is the first to give up leaves it behind.
/// \returns who has given up; `nobody`: all wait, and will be asked again. If there is no memory to ask
///          again, whoever would give up some time does so now
step_index call::ask_expired()
{
    auto next = never;
    auto last_resort = nobody;
    for (step_index i = 0; i < index_; ++i) {
        auto* const held = at(i).limit();
        if (!held) continue;
        auto const& options = std::get<timeout_step>(plan_.steps[i]).options;
        if (held->due <= now_()) {
            auto limit = policy::timeout(options, std::exchange(held->grace_given, true));
            auto const decision = limit.expired(now_());
            if (std::holds_alternative<policy::abandon_operation>(decision)) return i;
            auto const* const more = std::get_if<policy::await_until>(&decision);
            held->due = more ? more->at : never;
        }
        next = std::min(next, held->due);
        if (options.on_expiry.grace()) last_resort = i;
    }
    return next == never || arm_if_possible(next) ? nobody : last_resort;
}

// --- the end
// ----------------------------------------------------------------------------------------------------

telemetry::origin call::origin(step_index step)
{
    return visit_.by(step < plan_.steps.size() ? name_of(plan_.steps[step]) : std::string_view());
}

void call::tell_attempt_ended()
{
    if (attempt_began_ == never) return;
    auto const took = saturating_sub(now_(), std::exchange(attempt_began_, never));
    telemetry::emit(sink(), telemetry::attempt_ended{origin(nobody), attempts, to_string(report_.verdict),
                                                     failure_.code, took});
}

void call::tell_retry_scheduled(std::uint32_t number, duration length)
{
    telemetry::emit(sink(), telemetry::retry_scheduled{origin(index_), number, length, failure_.code});
}

void call::tell_retry_stopped(retry_stop why)
{
    telemetry::emit(sink(),
                    telemetry::retry_stopped{origin(index_), attempts, to_string(why), failure_.code});
}

void call::tell_call_ended()
{
    telemetry::emit(sink(), telemetry::call_ended{origin(nobody), attempts, to_string(report_.ended_by),
                                                  to_string(report_.verdict), failure_.code,
                                                  saturating_sub(now_(), began_)});
}

void call::name_policy(policy_name& to) noexcept
{
    auto const name = name_of(plan_.steps[ended_step_]);
    to = policy_name(std::move(terms_), name);
}

/// The frame is being destroyed before the call has finished: its context is going away.
void call::give_everything_back() noexcept
{
    if (running_) running_->waited_for_by(nullptr);
    if (stage_ == stage::queued && !gate_here().withdraw(*this, visit_) && granted) at(index_++).hold(pass);
    if (stage_ == stage::reserved) gate_here().give_back(pass, visit_);
    if (stage_ == stage::pausing) ++index_;
    while (index_ > 0) {
        --index_;
        close(plan_.steps[index_], at(index_));
    }
}

void call::close(any_step const& step, slot& taken) noexcept
{
    if (auto const* const permit = taken.permit())
        std::get<gate_step>(step).held->settle(*permit, verdict::ignored, visit_);
    if (auto* const retry = taken.retry()) close(std::get<retry_step>(step), *retry);
}

} // namespace keel::detail
