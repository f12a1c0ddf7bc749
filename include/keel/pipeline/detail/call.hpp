#pragma once

#include <keel/async/detail/attempt.hpp>
#include <keel/async/detail/frame_pool.hpp>
#include <keel/async/detail/live_call.hpp>
#include <keel/async/detail/parking.hpp>
#include <keel/async/detail/scope.hpp>
#include <keel/async/gate.hpp>
#include <keel/async/loop.hpp>
#include <keel/async/moment.hpp>
#include <keel/core/failure.hpp>
#include <keel/core/grant.hpp>
#include <keel/core/time.hpp>
#include <keel/pipeline/detail/passage.hpp>
#include <keel/pipeline/detail/plan.hpp>
#include <keel/pipeline/detail/slot.hpp>
#include <keel/pipeline/outcome.hpp>
#include <keel/pipeline/overrides.hpp>
#include <keel/policy/retry.hpp>
#include <keel/policy/timeout.hpp>

#include <boost/asio/cancellation_state.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <typeinfo>
#include <vector>

namespace keel::detail {

/// One call on its way through a pipeline, whatever it meets: walks inwards past gates and limits, says when
/// to run the operation, and walks outwards again, settling what it took. Knows everything but the type of
/// the result; the coroutine that drives it (`drive.hpp`) only obeys.
///
/// Belongs to that coroutine's frame. If the frame is destroyed on the way, everything taken is given back.
class call final : public parking, public pooled, private turn_waiter, private live_call
{
public:
    enum class action : std::uint8_t
    {
        run,       ///< Run the operation, or what answers instead, in place, and report with `ended`.
        supervise, ///< The same, as an attempt that can be cut short: `watch` it.
        park,      ///< Wait in `async_park`, then ask `next` again.
        finish,    ///< The call is over.
        go_on,     ///< Nothing: take the next step. Never leaves `next`.
    };

    /// Where it goes on from.
    enum class from : std::uint8_t
    {
        way_in,           ///< There is something in the way, or nothing has begun.
        end_of_operation, ///< It has run in place, and is to be reported as ended.
    };

    /// \param way must outlive this
    call(passage& way, from);
    ~call()
    {
        if (stage_ != stage::finished) give_everything_back();
        if (way_.known_to) leave_the_known();
    }

    /// What to do now.
    action next(asio::cancellation_state const&);
    /// The same when the operation has ended and given what was asked for.
    action next_after_success(asio::cancellation_state const&);

    /// Before the call parks: a cancellation of the caller will be heard.
    /// \throws std::bad_alloc, unless it is about to be woken
    void listen_while_parked(asio::cancellation_slot);
    /// The caller was cancelled after `next` had said `park`: park all the same, it will not be for long.
    void stop_waiting() { cancelled(); }

    /// Ends the call at once, before anything has begun, because of a mistake in the program.
    void refuse(errc why, std::size_t step);

    /// Whether a fallback answers in place of the operation, and which of its alternatives.
    alternative const* answering() const noexcept { return answering_; }
    failure const& what_failed() const noexcept { return rare_ && rare_->failed ? *rare_->failed : failure_; }

    /// The user's function and arguments, if they must not live in the coroutine's frame because they may be
    /// left behind in it.
    void keep(std::shared_ptr<void> operation) { rare().kept = std::move(operation); }
    void* kept() const noexcept { return rare_ ? rare_->kept.get() : nullptr; }

    /// The executor on which the operation was to run has no place for it: the call is rejected.
    void turned_away(errc why);
    /// The operation is to run, or runs.
    bool is_running() const noexcept { return stage_ == stage::running; }

    /// There was nothing to await. The user's code has been asked for it, and may have taken its time.
    void did_not_run(asio::cancellation_state const& state) noexcept
    {
        way_.now.pass();
        way_.note(state);
    }

    /// The operation begins to run in place.
    /// \throws std::bad_alloc
    void going_in() { way_.run_in_place(); }
    /// It has ended, one way or another.
    void come_out(asio::cancellation_state state) { way_.end_in_place(std::move(state)); }

    /// Whether nothing but a value's presence tells whether the attempt that has just run succeeded.
    bool takes_values_for_successes() const noexcept { return !answering_ && plan_.judges_nothing(); }
    /// What the attempt that is about to be reported as ended means to a step that has rules of its own.
    void means_to(std::size_t step, std::optional<judgement>);
    /// From here on it means the same to all.
    void forget_meanings() noexcept;
    /// The operation, or the fallback, has ended. Its error or exception is in `why`.
    /// \param has_value whether it returned something
    void ended(bool has_value, judgement what);
    /// The same, but the user's classifier threw.
    void misjudged(failure&& thrown);

    /// What an operation that runs in a scope of its own may know.
    call_context describe_attempt() const;
    /// What it must keep alive, lest it be left behind.
    std::shared_ptr<void const> belongings() const;
    /// What it takes along if it is left behind. Null: it will not be.
    std::shared_ptr<void> luggage();
    /// Wait for this attempt in `async_park`, cancelling it when the deadline comes; or now, if there is no
    /// memory to wait for that. False: it has ended.
    bool watch(std::shared_ptr<attempt_base> running);
    /// The attempt is over; nothing is watched any more.
    void watched(asio::cancellation_state const&);
    /// The attempt did not end in time and goes on without us.
    void leave_behind(std::shared_ptr<attempt_base> const& running);

    /// When finished: whether the operation's own return value stands.
    bool value_stands() const noexcept { return has_value_; }
    /// What went wrong: with the attempt that has just ended, and when finished, with the call.
    failure& why() noexcept { return failure_; }
    failure const& why() const noexcept { return failure_; }
    /// Somebody wants to hear of each try. Before the first that is reported.
    void remember_attempts() noexcept { remembers_ = true; }
    /// How it went, but for the name of the policy.
    call_report& report() noexcept { return report_; }
    /// Whether a policy ended the call, whose name is to be told.
    bool has_policy_to_name() const noexcept { return ended_step_ != nobody; }
    policy_name name_policy() const noexcept;
    plan const& made_of() const noexcept { return plan_; }

private:
    void heed(overrides const& wanted);
    void prepare();
    void take_over();
    void join_the_known();

    enum class stage : std::uint8_t
    {
        inward,
        queued,
        reserved,
        pausing,
        running,
        outward,
        finished
    };

    /// What few calls need.
    struct rarities
    {
        std::vector<slot> slots; ///< In place of the passage's, for a longer pipeline.
        std::vector<std::unique_ptr<retry_held>> retries; ///< All but the first.
        std::vector<std::unique_ptr<loop_run>> loops;
        std::vector<std::optional<judgement>> meanings; ///< By step; may be shorter.
        std::shared_ptr<void> kept;                     ///< The operation.
        std::shared_ptr<failure const> failed;          ///< What a fallback that may be left behind answers.
    };

    // Inwards.
    void go_on_after_wait();
    action walk_in();
    admission ask(gate&);
    action enter(any_step const&);
    action enter(gate_step const&);
    action enter(timeout_step const&);
    action enter(retry_step const&);
    action enter(fallback_step const&);
    action enter(loop_step const&);
    void hold_retry(retry_step const&, step_index);
    retry_held& another_retry(retry_step const&);
    action begin_attempt();
    action run_operation();
    void turn_over();
    void reservation_over();
    void pause_over();
    void retry_pause_over(retry_step const&);
    void fail_in_pause();
    void go_in_again();
    void go_in(grant const& pass);
    bool has_run_out_of_time() noexcept { return way_.until != never && way_.until <= way_.now(); }

    // Outwards.
    action walk_out();
    action end_call();
    action leave(any_step const&);
    action leave(gate_step const&);
    action leave(timeout_step const&);
    action leave(retry_step const&);
    action leave(fallback_step const&);
    action leave(loop_step const&);
    action ask(loop_run&);
    judgement const* own_meaning() const noexcept;
    verdict verdict_here() const noexcept;
    verdict verdict_for(gate&);
    bool is_out_of_time() const noexcept;
    bool is_cancelled_by_caller() const noexcept;
    bool is_retryable(retry_options const&);
    std::optional<duration> hint();
    action pause(duration);
    void remember_attempt(time_point ended, duration pause) noexcept;
    action retry_after_failure(retry_step const&, retry_held&);
    action stop_retrying(retry_step const&, retry_stop why);
    void end_retrying(retry_step const&, retry_held&) noexcept;
    void close(retry_step const& step, retry_held& own) noexcept
    {
        if (!step.budget) return;
        if (own.retrying) step.budget->retry_ended();
        step.budget->call_ended();
    }
    void close(any_step const&, slot&) noexcept;

    // The end of an attempt, as the policies see it.
    void conclude_attempt(bool has_value, judgement what);
    void conclude(verdict v, keel::ended_by by, step_index step) noexcept
    {
        report_.verdict = v;
        report_.ended_by = by;
        ended_step_ = step;
        has_value_ = false;
        stage_ = stage::outward;
    }
    void forget_failure() noexcept;
    void fail_by_policy(errc why, verdict v, keel::ended_by by, step_index step);
    void fail_by_caller();
    void fail_timed_out(step_index owner, verdict v, std::string_view operation);
    void fail_by_predicate();
    void reject(errc why, std::optional<time_point> const& retry_at);

    // What may happen while parked, or while the operation runs.
    void reached() override;
    void cancelled() override;
    void dropped() noexcept override;
    void turn_came() override;
    void call_off() override;
    void time_is_up();
    bool go_on_unlimited();
    bool arm_if_possible(time_point);
    step_index ask_expired();

    bool is_inside_another() const noexcept;
    void tell_attempt_ended();
    void tell_retry_scheduled(std::uint32_t number, duration length);
    void tell_retry_stopped(retry_stop why);
    void tell_call_ended();
    void give_everything_back() noexcept;
    void leave_the_known() noexcept;

    action park(stage waiting, time_point until);
    bool gives_up_waiting();
    rarities& rare()
    {
        if (!rare_) rare_ = std::make_unique<rarities>();
        return *rare_;
    }
    slot& at(step_index step) noexcept { return way_.slots[step]; }
    retry_held& retry_at(step_index step) noexcept { return *at(step).retry(); }
    gate& gate_here() const { return *std::get<gate_step>(plan_.steps[way_.index]).held; }
    telemetry::origin origin(step_index step);
    telemetry::sink* sink() const noexcept { return plan_.sink.get(); }

    static constexpr auto nobody = passage::nobody;
    static constexpr auto never = passage::never;

    passage& way_;
    plan const& plan_;
    std::unique_ptr<rarities> rare_;
    time_point began_{}; ///< The call, and below the attempt, if they are traced.
    time_point attempt_began_ = time_point::max();

    // The attempt that is running, or ran last.
    std::shared_ptr<attempt_base> running_; ///< Null while it runs in place.
    step_index left_by_ = nobody;           ///< The timeout that has left it behind.
    alternative const* answering_ = nullptr;
    failure failure_{};
    call_report report_; ///< But for its attempts, which `scoped_call` counts, until the call has finished.
    std::optional<duration> hint_{}; ///< The least pause that the dependency asked for.
    step_index ended_step_ = nobody;
    time_point pausing_since_{};
    duration pause_{};
    stage stage_ = stage::inward;
    bool has_value_ = false;
    bool called_off_ = false; ///< By a graceful stop, and so counted as cancelled.
    bool waking_ = false;
    bool remembers_ = false;

    std::optional<retry_held> retry_; ///< The first.
};

} // namespace keel::detail
