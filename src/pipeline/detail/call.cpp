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

std::optional<duration> call::hint() const { return hint_ ? hint_ : until(failure_.retry_at, now_); }

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
