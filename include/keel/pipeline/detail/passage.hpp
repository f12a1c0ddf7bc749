#pragma once

#include <keel/async/detail/live_calls.hpp>
#include <keel/async/detail/runtime.hpp>
#include <keel/async/detail/scope.hpp>
#include <keel/async/gate.hpp>
#include <keel/async/moment.hpp>
#include <keel/async/time_source.hpp>
#include <keel/core/error.hpp>
#include <keel/core/failure.hpp>
#include <keel/core/time.hpp>
#include <keel/core/verdict.hpp>
#include <keel/pipeline/detail/plan.hpp>
#include <keel/pipeline/detail/rarely.hpp>
#include <keel/pipeline/detail/slot.hpp>
#include <keel/pipeline/outcome.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_state.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

namespace keel::detail {

/// Where the coroutine of a call runs.
struct whereabouts
{
    asio::any_io_executor const& executor;
    scope* in; ///< Null: in none. It may have left it.
};

/// A call's way through a pipeline: how far it has come, what it holds of the steps behind it, and what time
/// it is.
///
/// Most calls meet nothing on their way: every gate lets them in as a matter of course, the operation gives
/// what was asked for, and every gate is told. For those a passage is enough. Everything else (a queue, an
/// error, another attempt, a spawn) is the business of a `call`, which goes on from where the passage stands
/// and uses it as its own: an operation that runs in place does so under the passage's limit in any case.
///
/// Lives in the coroutine's frame. If the frame is destroyed on the way, what is held is given back.
class passage final : public scoped_call, private deadline
{
public:
    enum class answer : std::uint8_t
    {
        inside,     ///< The operation may run, in place.
        refused,    ///< A gate has refused the call, which is over.
        obstructed, ///< Something is in the way, or may be later: a `call` must go on.
    };

    static constexpr step_index nobody = static_cast<step_index>(-1);
    static constexpr time_point never = time_point::max();

    /// Goes in past every step, as far as that goes without waiting, throwing or telling anybody.
    /// \param by    what the call is made by; in the coroutine's frame, for as long as this
    /// \param at    where the coroutine runs
    /// \param state the coroutine's
    passage(std::shared_ptr<terms const>& by, whereabouts at, asio::cancellation_state const& state);
    ~passage()
    {
        stop_counting();
        if (index > 0) give_all_back();
    }

    /// How far it has come by that. When inside, the limit counts.
    answer is() const noexcept { return is_; }
    /// The operation has given what was asked for. Out past every step, and the call is over.
    void come_out(asio::cancellation_state);

    using deadline::executor;

    /// How a call went that has come out.
    plain_end end() const noexcept { return by->has_retry ? plain_end::retry_success : plain_end::success; }
    /// How one went that was refused.
    void tell_refusal(failure&, call_report&) noexcept;
    error_code refusal() const noexcept { return refusal_->why; }

    // For the `call` that goes on from here.

    /// The operation begins to run in place: the limits count.
    /// \throws std::bad_alloc
    void run_in_place();
    /// It has ended, one way or another. Takes back a cancellation that was the call's own.
    void end_in_place(asio::cancellation_state);

    /// A limit has passed, and this is the first time that it is told. A result that is ready at this very
    /// instant still counts, so whatever is runnable now must run first.
    bool is_first_turn() noexcept { return !std::exchange(last_turn, true); }
    /// The operation is cut short by the outermost limit that has passed, unless the caller has cancelled it.
    void note_expiry();

    /// What the limits say while an operation takes its time to unwind.
    struct patience
    {
        step_index given_up = nobody;    ///< Who leaves it behind.
        time_point ask_again = never;    ///< If nobody does: when somebody may.
        step_index last_resort = nobody; ///< Who will in the end.
    };
    patience ask_limits();

    void note(asio::cancellation_state const& state) noexcept
    {
        if (state.cancelled() != asio::cancellation_type::none) caller_cancelled = true;
    }

    void count_attempts(std::uint32_t so_far) noexcept { attempts = seen.attempts = so_far; }

    std::shared_ptr<terms const>& by;
    plan const& made_of;
    runtime& context;
    bool const has_left;        ///< A scope, whose context the call has all the same.
    scope* const in;            ///< Null: the coroutine is in none, and what must be cut short is spawned.
    live_calls* const known_to; ///< Null: nobody keeps track of calls.
    moment now;
    visit seen;                  ///< How the call shows itself to every gate.
    slot* slots;                 ///< By step.
    step_index index = 0;        ///< How many steps we are inside of.
    step_index owner = nobody;   ///< The timeout that `until`, the earliest limit, belongs to.
    time_point inherited;        ///< What the call's surroundings allow it.
    bool const traced;           ///< The sink wants to hear of every call and attempt.
    step_index expired = nobody; ///< The timeout that cut the operation short.
    bool caller_cancelled = false;
    bool cut_short = false; ///< A limit has passed while the operation ran.
    bool last_turn = false; ///< The deadline has come and everything runnable at that instant has run.

private:
    answer go_in(asio::cancellation_state const&);
    bool enter(any_step const&, step_index);
    bool enter(gate_step const&, step_index);
    bool enter(timeout_step const&, step_index);
    bool enter(retry_step const&, step_index);
    bool ask(gate_step const&, step_index);
    answer refuse();
    answer begin();
    void start();
    void stop(asio::cancellation_state);
    void reached() override;
    bool arm_if_possible(time_point);
    step_index outermost_expired();
    void stop_counting() noexcept { context.time().disarm(*this); }
    void give_all_back() noexcept;
    void leave_all(verdict) noexcept;
    void leave(retry_step const&, verdict) noexcept;

    /// Written one by one, see `slot`.
    struct refused_call
    {
        refused_call() noexcept {}

        step_index by;
        errc why;
        bool knows_when;
        time_point when;
    };

    answer is_;
    rarely<refused_call> refusal_;
    std::array<slot, direct_steps> few_; ///< Enough for most pipelines.
};

} // namespace keel::detail
