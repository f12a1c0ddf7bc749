#pragma once

#include <keel/async/detail/attempt.hpp>
#include <keel/async/detail/parking.hpp>
#include <keel/async/gate.hpp>
#include <keel/core/failure.hpp>
#include <keel/core/grant.hpp>
#include <keel/core/time.hpp>
#include <keel/pipeline/detail/plan.hpp>
#include <keel/pipeline/outcome.hpp>
#include <keel/policy/retry.hpp>
#include <keel/policy/timeout.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <typeinfo>
#include <variant>

namespace keel::detail {

/// One call on its way through a pipeline: walks inwards past gates and limits, says when to run the
/// operation, and walks outwards again, settling what it took. Knows everything but the type of the result;
/// the coroutine that drives it (`drive.hpp`) only obeys.
///
/// Lives in that coroutine's frame. If the frame is destroyed on the way, everything taken is given back.
class call final : public parking, private turn_waiter
{
public:
    enum class action : std::uint8_t
    {
        run,       ///< Run the operation (or the chosen fallback) and report with `ended`.
        supervise, ///< The same, as an attempt that can be cut short: `watch` it.
        park,      ///< Wait in `async_park`, then ask `next` again.
        finish,    ///< The call is over.
    };

    call(std::shared_ptr<plan const> p, asio::any_io_executor executor, runtime& context);
    ~call();

    /// What to do now.
    /// \param caller_cancelled whether the calling coroutine has been cancelled
    action next(bool caller_cancelled);

    /// The caller was cancelled after `next` had said `park`: park all the same, it will not be for long.
    void stop_waiting() { cancelled(); }

    /// Ends the call at once, before anything has begun, because of a mistake in the program.
    void refuse(errc why);

    /// Whether a fallback answers in place of the operation, and which of its alternatives.
    alternative const* answering() const noexcept { return answering_; }
    failure const& what_failed() const noexcept { return shared_failure_ ? *shared_failure_ : failure_; }
    /// Puts `what_failed` where a fallback that is left behind may go on using it.
    std::shared_ptr<failure const> share_what_failed();

    /// The operation, or the fallback, has ended.
    /// \param has_value whether it returned something
    /// \param why       its error or exception, if `what` is not a success
    void ended(bool caller_cancelled, bool has_value, judgement what, failure why);
    /// The same, but the user's classifier threw.
    void misjudged(failure thrown);

    /// Wait for this attempt, cancelling it when the deadline comes. Then `async_park`.
    void watch(std::shared_ptr<attempt_base> running);
    /// The attempt did not end in time and goes on without us.
    void leave_behind(std::shared_ptr<attempt_base> const& running);

    /// When finished: whether the operation's own return value stands.
    bool value_stands() const noexcept { return has_value_; }
    failure take_failure() { return std::move(failure_); }
    call_report report() const;
    plan const& made_of() const noexcept { return *plan_; }

private:
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

    struct gate_slot
    {
        grant pass;
    };
    struct timeout_slot
    {
        policy::timeout limit;
        time_point own_deadline;
        time_point outer_deadline;
        std::size_t outer_owner;
    };
    struct retry_slot
    {
        policy::retry loop;
        policy::retry_cause cause = policy::retry_cause::error;
        bool retrying = false; ///< A retry charged to the budget is in flight.
        std::size_t charged = 0;
    };
    using any_slot = std::variant<std::monostate, gate_slot, timeout_slot, retry_slot>;

    // Inwards.
    std::optional<action> step_in();
    std::optional<action> enter(gate_step const&);
    std::optional<action> enter(timeout_step const&);
    std::optional<action> enter(retry_step const&);
    std::optional<action> enter(fallback_step const&);
    std::optional<action> begin_attempt();
    void turn_over();
    void reservation_over();
    void pause_over();
    void go_in(grant pass);

    // Outwards.
    std::optional<action> step_out();
    std::optional<action> leave(gate_step const&);
    std::optional<action> leave(timeout_step const&);
    std::optional<action> leave(retry_step const&);
    std::optional<action> leave(fallback_step const&);
    verdict verdict_for(gate&);
    bool is_retryable(retry_options const&);
    std::optional<duration> hint() const;
    std::optional<action> stop_retrying(retry_step const&, retry_stop why);
    void close(retry_step const&, retry_slot&);

    // The end of an attempt, as the policies see it.
    void conclude(failure why, verdict v, keel::ended_by by, std::size_t step);
    void fail_by_caller();
    void fail_timed_out(std::size_t owner, verdict v, std::string_view operation);
    void fail_by_predicate();
    void reject(errc why, std::optional<time_point> retry_at);

    // What may happen while parked.
    void reached() override;
    void cancelled() override;
    void dropped() noexcept override;
    void turn_came() override;
    void time_is_up();
    void watch_next_timeout();

    void give_everything_back() noexcept;

    action park(stage waiting, time_point until);
    void read_clock() { now_ = context().time().now(); }
    any_slot& at(std::size_t step) noexcept { return more_ ? more_[step] : few_[step]; }
    gate& gate_here() const { return *std::get<gate_step>(plan_->steps[index_]).held; }
    telemetry::origin origin(std::size_t step) const;
    telemetry::sink* sink() const noexcept { return plan_->sink.get(); }

    static constexpr std::size_t nobody = static_cast<std::size_t>(-1);
    static constexpr time_point never = time_point::max();

    std::shared_ptr<plan const> plan_;
    std::array<any_slot, 6> few_;      ///< Enough for most pipelines, so that a call allocates nothing.
    std::unique_ptr<any_slot[]> more_; ///< In place of `few_` for longer ones.
    std::size_t index_ = 0;            ///< How many steps we are inside of.
    time_point now_;
    time_point deadline_ = never; ///< The earliest of the limits we are inside of ...
    std::size_t owner_ = nobody;  ///< ... and the timeout it belongs to.

    // The attempt that is running, or ran last.
    std::shared_ptr<attempt_base> running_;
    std::size_t watched_ = nobody; ///< The timeout whose deadline is armed while it runs.
    std::size_t expired_ = nobody; ///< The timeout that cut it short.
    alternative const* answering_ = nullptr;
    failure failure_{};
    std::shared_ptr<failure const> shared_failure_;
    std::optional<duration> hint_{};
    std::size_t ended_step_ = nobody;
    std::uint32_t attempts_ = 0;
    stage stage_ = stage::inward;
    verdict verdict_ = verdict::success;
    keel::ended_by ended_by_ = keel::ended_by::operation;
    retry_stop stopped_ = retry_stop::none;
    bool has_value_ = false;
    bool caller_cancelled_ = false;
    bool waking_ = false;
    bool last_turn_ = false; ///< The deadline has come and everything runnable at that instant has run.
};

} // namespace keel::detail
