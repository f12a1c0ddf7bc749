#include <keel/pipeline/detail/call.hpp>

#include <boost/asio/error.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace keel::detail {
namespace {

/// Capacity that an abandoned operation still uses. Goes home when the operation has really ended.
class orphan_luggage
{
public:
    orphan_luggage(std::shared_ptr<plan const> p, std::size_t left_by, runtime& context)
        : plan_(std::move(p)),
          left_by_(left_by),
          context_(context)
    {
        plan_->orphans.fetch_add(1, std::memory_order_relaxed);
    }
    orphan_luggage(orphan_luggage const&) = delete;
    orphan_luggage& operator=(orphan_luggage const&) = delete;

    ~orphan_luggage()
    {
        auto const now = context_.time().now();
        auto const by = telemetry::origin{plan_->name, name_of(plan_->steps[left_by_]), now};
        plan_->orphans.fetch_sub(1, std::memory_order_relaxed);
        for (auto const& [held, pass] : held_)
            held->settle(pass, verdict::ignored, now, by, plan_->sink.get());
        telemetry::emit(plan_->sink.get(), telemetry::orphan_ended{by});
    }

    void add(std::shared_ptr<gate> held, grant pass) { held_.emplace_back(std::move(held), pass); }

private:
    std::shared_ptr<plan const> plan_;
    std::size_t left_by_;
    runtime& context_;
    std::vector<std::pair<std::shared_ptr<gate>, grant>> held_;
};

failure policy_failure(errc why, std::optional<time_point> retry_at = std::nullopt)
{
    failure f;
    f.code = why;
    f.retry_at = retry_at;
    f.from_policy = true;
    return f;
}

std::optional<duration> until(std::optional<time_point> at, time_point now)
{
    if (!at) return std::nullopt;
    return std::max(duration::zero(), saturating_sub(*at, now));
}

} // namespace

call::call(std::shared_ptr<plan const> p, asio::any_io_executor executor, runtime& context)
    : parking(std::move(executor), context),
      plan_(std::move(p)),
      now_(context.time().now())
{
    if (plan_->steps.size() > few_.size()) more_ = std::make_unique<any_slot[]>(plan_->steps.size());
}

call::~call() { give_everything_back(); }

call::action call::next(bool caller_cancelled)
{
    caller_cancelled_ = caller_cancelled_ || caller_cancelled;
    for (;;) {
        std::optional<action> to_do;
        switch (stage_) {
        case stage::inward: to_do = step_in(); break;
        case stage::queued: turn_over(); break;
        case stage::reserved: reservation_over(); break;
        case stage::pausing: pause_over(); break;
        case stage::running:
        case stage::outward: to_do = step_out(); break;
        case stage::finished: return action::finish;
        }
        if (to_do) return *to_do;
    }
}

std::shared_ptr<failure const> call::share_what_failed()
{
    shared_failure_ = std::make_shared<failure const>(failure_);
    return shared_failure_;
}

void call::refuse(errc why)
{
    conclude(policy_failure(why), verdict::ignored, keel::ended_by::rejection, nobody);
    telemetry::emit(sink(), telemetry::rejected{origin(nobody), why, std::nullopt});
}

// --- inwards
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

// --- the attempt
// ------------------------------------------------------------------------------------------------

void call::watch(std::shared_ptr<attempt_base> running)
{
    running_ = std::move(running);
    running_->waited_for_by(this);
    watched_ = owner_;
    last_turn_ = false;
    supervised(true);
    arm(deadline_, now_);
}

void call::ended(bool caller_cancelled, bool has_value, judgement what, failure why)
{
    read_clock();
    running_.reset();
    caller_cancelled_ = caller_cancelled_ || caller_cancelled;
    auto const by = answering_ ? keel::ended_by::fallback : keel::ended_by::operation;
    auto const step = answering_ ? index_ : nobody;
    auto const cut_short = std::exchange(expired_, nobody);
    answering_ = nullptr;
    hint_ = what.retry_after;
    if (hint_ && !why.retry_at) why.retry_at = saturating_add(now_, *hint_);

    if (has_value && !why.code && (what.what == verdict::success || what.what == verdict::ignored)) {
        conclude(std::move(why), what.what, by, step);
        has_value_ = true;
    } else if (cut_short != nobody) {
        fail_timed_out(cut_short, verdict::failure, "ended");
    } else if (caller_cancelled_) {
        conclude(std::move(why), verdict::ignored, keel::ended_by::caller, nobody);
        has_value_ = has_value;
    } else {
        conclude(std::move(why), what.what, by, step);
        has_value_ = has_value;
    }
}

void call::misjudged(failure thrown)
{
    read_clock();
    running_.reset();
    answering_ = nullptr;
    expired_ = nobody;
    conclude(std::move(thrown), verdict::ignored, keel::ended_by::predicate, nobody);
}

void call::leave_behind(std::shared_ptr<attempt_base> const& running)
{
    read_clock();
    running_.reset();
    answering_ = nullptr;
    auto luggage = std::make_shared<orphan_luggage>(plan_, watched_, context());
    for (auto i = index_; i > watched_ + 1; --i) {
        auto const* const step = std::get_if<gate_step>(&plan_->steps[i - 1]);
        auto const* const taken = std::get_if<gate_slot>(&at(i - 1));
        if (!step || !taken || !step->held->holds_capacity()) continue;
        luggage->add(step->held, taken->pass);
        at(i - 1) = std::monostate{};
    }
    running->luggage = std::move(luggage);
    auto const cut_short = std::exchange(expired_, nobody);
    if (cut_short == nobody)
        fail_by_caller();
    else
        fail_timed_out(cut_short, verdict::failure, "abandoned");
}

// --- outwards
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

std::optional<duration> call::hint() const { return hint_ ? hint_ : until(failure_.retry_at, now_); }

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

// --- how an attempt ends
// ----------------------------------------------------------------------------------------

void call::conclude(failure why, verdict v, keel::ended_by by, std::size_t step)
{
    failure_ = std::move(why);
    verdict_ = v;
    ended_by_ = by;
    ended_step_ = step;
    has_value_ = false;
    stage_ = stage::outward;
}

void call::fail_by_caller()
{
    failure aborted;
    aborted.code = asio::error::operation_aborted;
    conclude(std::move(aborted), verdict::ignored, keel::ended_by::caller, nobody);
}

void call::fail_timed_out(std::size_t step, verdict v, std::string_view operation)
{
    hint_.reset();
    conclude(policy_failure(errc::timed_out), v, keel::ended_by::timeout, step);
    auto const& options = std::get<timeout_step>(plan_->steps[step]).options;
    telemetry::emit(sink(), telemetry::timed_out{origin(step), options.limit, operation});
}

void call::fail_by_predicate()
{
    failure thrown;
    thrown.exception = std::current_exception();
    conclude(std::move(thrown), verdict::ignored, keel::ended_by::predicate, index_);
}

void call::reject(errc why, std::optional<time_point> retry_at)
{
    hint_.reset();
    conclude(policy_failure(why, retry_at), verdict::ignored, keel::ended_by::rejection, index_);
    telemetry::emit(sink(), telemetry::rejected{origin(index_), why, until(retry_at, now_)});
}

// --- while parked
// -----------------------------------------------------------------------------------------------

void call::reached()
{
    switch (stage_) {
    case stage::queued:
        if (gate_here().withdraw(*this)) resume();
        return; // else its turn has come, and it will be woken
    case stage::running: return time_is_up();
    default: return resume();
    }
}

void call::cancelled()
{
    caller_cancelled_ = true;
    if (stage_ == stage::running) {
        auto const running = running_; // the operation may end inside, and with it this call
        return running->cancel();
    }
    if (stage_ == stage::queued && !gate_here().withdraw(*this)) return;
    if (std::exchange(waking_, true)) return;
    disarm();
    wake();
}

void call::turn_came() { wake(); }

// Nobody may hand a permit to a call whose context is going away.
void call::dropped() noexcept
{
    if (stage_ == stage::queued) gate_here().withdraw(*this);
}

void call::time_is_up()
{
    read_clock();
    auto const running = running_; // the operation may end inside `cancel`, and with it this call
    if (running->finished()) return;
    // A result that is ready at this very instant still counts: whatever is runnable now runs first.
    if (!std::exchange(last_turn_, true)) return arm(now_, now_);
    if (!caller_cancelled_)
        expired_ = std::min(expired_, watched_); // the outermost of those that have expired
    running->cancel();
    if (running->finished()) return;

    auto& own = std::get<timeout_slot>(at(watched_));
    auto const decision = own.limit.expired(now_);
    if (auto const* more = std::get_if<policy::await_until>(&decision)) return arm(more->at, now_);
    if (std::holds_alternative<policy::await_operation>(decision)) return watch_next_timeout();
    running->waited_for_by(nullptr);
    resume();
}

/// The operation takes its time to unwind. Another limit, further in or further out, may be less patient with
/// it.
void call::watch_next_timeout()
{
    auto next = never;
    for (std::size_t i = 0; i < index_; ++i) {
        auto const* const slot = std::get_if<timeout_slot>(&at(i));
        if (!slot || slot->own_deadline <= now_ || slot->own_deadline >= next) continue;
        next = slot->own_deadline;
        watched_ = i;
    }
    if (next != never) arm(next, now_);
}

// --- the end
// ----------------------------------------------------------------------------------------------------

call_report call::report() const
{
    call_report r;
    r.attempts = attempts_;
    r.ended_by = ended_by_;
    r.verdict = verdict_;
    r.stopped = stopped_;
    if (ended_step_ != nobody && ended_step_ < plan_->steps.size())
        r.policy = name_of(plan_->steps[ended_step_]);
    return r;
}

telemetry::origin call::origin(std::size_t step) const
{
    if (step >= plan_->steps.size()) return {plan_->name, {}, now_};
    return {plan_->name, name_of(plan_->steps[step]), now_};
}

/// The frame is being destroyed before the call has finished: its context is going away.
void call::give_everything_back() noexcept
{
    if (running_) running_->waited_for_by(nullptr);
    if (stage_ == stage::finished) return;
    if (stage_ == stage::queued && !gate_here().withdraw(*this) && granted) at(index_++) = gate_slot{pass};
    if (stage_ == stage::reserved) gate_here().give_back(pass, now_);
    if (stage_ == stage::pausing) ++index_;
    for (; index_ > 0; --index_) {
        auto const& step = plan_->steps[index_ - 1];
        auto& taken = at(index_ - 1);
        if (auto* g = std::get_if<gate_slot>(&taken))
            std::get<gate_step>(step).held->settle(g->pass, verdict::ignored, now_, origin(index_ - 1),
                                                   sink());
        if (auto* r = std::get_if<retry_slot>(&taken)) {
            auto const& budget = std::get<retry_step>(step).budget;
            if (budget && r->retrying) budget->retry_ended();
            if (budget) budget->call_ended();
        }
    }
}

} // namespace keel::detail
