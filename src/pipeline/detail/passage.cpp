#include <keel/pipeline/detail/passage.hpp>

#include <keel/async/detail/hand_over.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace keel::detail {

passage::passage(std::shared_ptr<terms const>& made_by, whereabouts at, asio::cancellation_state const& state)
    : deadline(at.executor),
      by(made_by),
      made_of(*made_by->by),
      context(at.in ? at.in->home : runtime::of(at.executor)),
      has_left(at.in && at.in->was_left()),
      in(has_left ? nullptr : at.in),
      known_to(context.live()),
      now(context.time()),
      seen{.now = now, .weight = made_by->wanted.weight(), .from = made_by->origin},
      inherited(in         ? in->deadline()
                : has_left ? at.in->context.deadline
                           : never),
      traced(made_of.sink && made_of.sink->least_severity() == telemetry::severity::debug)
{
    slots = few_.data();
    until = inherited;
    is_ = go_in(state);
}

// Inwards. Two are inlined by force: g++ finds them too large, and would save all registers once more for
// each.

[[gnu::always_inline]] inline passage::answer passage::go_in(asio::cancellation_state const& state)
{
    if (!by->is_direct || traced || known_to) return answer::obstructed;
    if (state.cancelled() != asio::cancellation_type::none) return answer::obstructed;
    if (in) in->forgive(); // whatever was asked before, the coroutine has dealt with
    if (until != never && until <= now()) return answer::obstructed;
    auto const* const steps = made_of.steps.data();
    auto const all = static_cast<step_index>(made_of.steps.size());
    for (step_index i = 0; i < all; ++i) {
        if (enter(steps[i], i)) continue;
        index = i;
        return refusal_ ? refuse() : answer::obstructed;
    }
    index = all;
    return begin();
}

[[gnu::always_inline]] inline bool passage::enter(any_step const& step, step_index i)
{
    switch (kind_of(step)) {
    case step_kind::gate: return enter(*std::get_if<gate_step>(&step), i);
    case step_kind::timeout: return enter(*std::get_if<timeout_step>(&step), i);
    case step_kind::retry: return enter(*std::get_if<retry_step>(&step), i);
    case step_kind::fallback:
    case step_kind::loop: break;
    }
    return false;
}

inline bool passage::enter(gate_step const& step, step_index i)
{
    if (step.held->admit_at_once(seen, few_[i].hold_permit())) return true;
    return step.never_waits && by->refusals_end_calls && ask(step, i);
}

/// A gate that makes nobody wait says yes or no.
bool passage::ask(gate_step const& step, step_index i)
{
    auto const said = step.held->admit(seen);
    if (said.what == admission::kind::granted) {
        few_[i].hold(said.pass);
        return true;
    }
    auto& refusal = refusal_.emplace();
    refusal.by = i;
    refusal.why = said.why;
    refusal.knows_when = said.at.has_value();
    if (said.at) refusal.when = *said.at;
    return false;
}

passage::answer passage::refuse()
{
    hand_over const places(context, executor());
    give_all_back();
    return answer::refused;
}

inline bool passage::enter(timeout_step const& step, step_index i)
{
    auto const own = policy::timeout(step.options).deadline(now());
    if (own <= now()) return false;
    few_[i].hold_limit(own, until, owner);
    if (own < until) {
        until = own;
        owner = i;
    }
    return true;
}

inline bool passage::enter(retry_step const& step, step_index i)
{
    few_[i].clear();
    if (step.budget) step.budget->call_started(now);
    return true;
}

/// The operation may run in place, unless it must be cut short and there is no scope to do that by.
inline passage::answer passage::begin()
{
    if (until != never && !in) return answer::obstructed;
    try {
        start();
    } catch (...) { // no memory, or no timer: the call tries again, and then it is the operation's failure
        in->leave(*this);
        return answer::obstructed;
    }
    count_attempts(attempts + 1);
    return answer::inside;
}

// The operation

inline void passage::start()
{
    if (!in) return;
    in->enter(*this);
    if (until == never) return;
    last_turn = false;
    context.time().arm(*this, until, now());
}

inline void passage::stop(asio::cancellation_state state)
{
    now.pass();
    if (in) {
        stop_counting();
        in->leave(*this);
    }
    if (!wants_cancel) return note(state);
    wants_cancel = false;
    if (in->is_cancelled_above(*this))
        caller_cancelled = true;
    else
        state.clear();
}

void passage::run_in_place() { start(); }
void passage::end_in_place(asio::cancellation_state state) { stop(std::move(state)); }

/// The limit has passed while the operation runs in place.
void passage::reached()
{
    now.pass();
    if (is_first_turn() && arm_if_possible(now())) return;
    caller_cancelled = caller_cancelled || in->is_cancelled_above(*this);
    note_expiry();
    if (auto const later = ask_limits().ask_again; later != never) arm_if_possible(later);
    if (!std::exchange(wants_cancel, true)) in->root.emit(asio::cancellation_type::terminal);
}

bool passage::arm_if_possible(time_point at)
{
    try {
        context.time().arm(*this, at, now());
        return true;
    } catch (...) { // no memory, or no timer
        return false;
    }
}

void passage::note_expiry()
{
    if (caller_cancelled) return;
    cut_short = true;
    expired = outermost_expired();
}

/// `nobody`: it is one that the call has inherited.
step_index passage::outermost_expired()
{
    if (inherited <= now()) return nobody;
    for (step_index i = 0; i < index; ++i) {
        auto const* const limit = slots[i].limit();
        if (limit && limit->own_deadline <= now()) return i;
    }
    return nobody;
}

/// Each timeout that has passed has a patience of its own, and each that has not may be less patient: whoever
/// is the first to give up leaves the operation behind.
passage::patience passage::ask_limits()
{
    patience all;
    for (step_index i = 0; i < index; ++i) {
        auto* const held = slots[i].limit();
        if (!held) continue;
        auto const& options = std::get<timeout_step>(made_of.steps[i]).options;
        if (held->due <= now()) {
            auto limit = policy::timeout(options, std::exchange(held->grace_given, true));
            auto const decision = limit.expired(now());
            if (std::holds_alternative<policy::abandon_operation>(decision)) {
                all.given_up = i;
                return all;
            }
            auto const* const more = std::get_if<policy::await_until>(&decision);
            held->due = more ? more->at : never;
        }
        all.ask_again = std::min(all.ask_again, held->due);
        if (options.on_expiry.grace()) all.last_resort = i;
    }
    return all;
}

// Outwards

void passage::come_out(asio::cancellation_state state)
{
    stop(std::move(state));
    hand_over const places(context, executor());
    leave_all(verdict::success);
}

inline void passage::leave_all(verdict what) noexcept
{
    auto const* const steps = made_of.steps.data();
    for (auto i = std::exchange(index, 0); i > 0; --i) {
        auto const& step = steps[i - 1];
        if (auto const* const gate = std::get_if<gate_step>(&step))
            gate->held->settle(few_[i - 1].permit_held(), what, seen);
        else if (auto const* const retry = std::get_if<retry_step>(&step))
            leave(*retry, what);
    }
}

void passage::give_all_back() noexcept { leave_all(verdict::ignored); }

inline void passage::leave(retry_step const& step, verdict what) noexcept
{
    if (!step.budget) return;
    if (what == verdict::success) step.budget->succeeded(0);
    step.budget->call_ended();
}

void passage::tell_refusal(failure& why, call_report& report) noexcept
{
    why.code.assign(static_cast<int>(refusal_->why), keel_category());
    if (refusal_->knows_when) why.retry_at = refusal_->when;
    why.from_policy = true;
    report.ended_by = keel::ended_by::rejection;
    report.verdict = verdict::ignored;
    for (step_index i = 0; i < refusal_->by; ++i)
        if (kind_of(made_of.steps[i]) == step_kind::retry)
            report.stopped = by->wanted.may_retry() ? retry_stop::not_retryable : retry_stop::no_retry;
    report.policy = policy_name(made_of.names, (*made_of.names)[refusal_->by]);
}

} // namespace keel::detail
