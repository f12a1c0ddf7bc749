// A call that waits: for its turn, for a time, or for an operation that it has had spawned.

#include <keel/pipeline/detail/call.hpp>

#include <new>
#include <utility>

namespace keel::detail {

call::action call::park(stage waiting, time_point until_when)
{
    stage_ = waiting;
    waking_ = false;
    supervised(false);
    try {
        if (until_when != never) arm(until_when, way_.now());
    } catch (...) { // no memory, or no timer
        if (gives_up_waiting()) throw;
    }
    way_.now.pass();
    return action::park;
}

void call::listen_while_parked(asio::cancellation_slot slot)
{
    try {
        listen(slot);
    } catch (std::bad_alloc const&) {
        if (gives_up_waiting()) throw;
    }
}

/// A call cannot wait. False: its turn has just come, and it parks all the same: it is about to be woken, and
/// whoever wakes it must find it.
bool call::gives_up_waiting() { return stage_ != stage::queued || gate_here().withdraw(*this, way_.seen); }

bool call::watch(std::shared_ptr<attempt_base> running)
{
    running_ = std::move(running);
    way_.last_turn = false;
    supervised(true);
    if (way_.until != never && !arm_if_possible(way_.until) && !go_on_unlimited()) return false;
    running_->waited_for_by(this);
    return true;
}

/// There is no memory to wait for the limit, so it comes now. False: that has ended the wait, one way or
/// another.
bool call::go_on_unlimited()
{
    if (!way_.caller_cancelled) {
        way_.cut_short = true;
        way_.expired = way_.owner;
    }
    running_->cancel();
    if (running_->finished()) return false;
    left_by_ = ask_expired();
    return left_by_ == nobody;
}

bool call::arm_if_possible(time_point at)
{
    try {
        arm(at, way_.now());
        return true;
    } catch (...) { // no memory, or no timer
        return false;
    }
}

void call::watched(asio::cancellation_state const& state)
{
    way_.now.pass();
    running_.reset();
    way_.note(state);
}

void call::reached()
{
    way_.now.pass();
    switch (stage_) {
    case stage::queued:
        if (gate_here().withdraw(*this, way_.seen)) resume();
        return; // else its turn has come, and it will be woken
    case stage::running: return time_is_up();
    default: return resume();
    }
}

void call::cancelled()
{
    way_.caller_cancelled = true;
    if (stage_ == stage::running) {
        auto const running = running_;  // the operation may end inside, and with it this call
        if (running) running->cancel(); // else it is only being started, and whoever does that will look
        return;
    }
    if (stage_ == stage::queued && !gate_here().withdraw(*this, way_.seen)) return;
    if (std::exchange(waking_, true)) return;
    disarm();
    wake();
}

void call::call_off()
{
    if (stage_ == stage::finished || std::exchange(called_off_, true)) return;
    way_.now.pass();
    if (stage_ != stage::running || running_) return cancelled();
    way_.caller_cancelled = true;
    if (!std::exchange(way_.wants_cancel, true)) way_.in->root.emit(asio::cancellation_type::terminal);
}

void call::turn_came() { wake(); }

// Nobody may hand a permit to a call whose context is going away.
void call::dropped() noexcept
{
    if (stage_ == stage::queued) gate_here().withdraw(*this, way_.seen);
}

/// The limit of the attempt that is watched has passed.
void call::time_is_up()
{
    auto const running = running_; // the operation may end inside a cancellation, and with it this call
    if (running->finished()) return;
    if (way_.is_first_turn() && arm_if_possible(way_.now())) return;
    way_.note_expiry();
    running->cancel();
    if (running->finished()) return;
    left_by_ = ask_expired();
    if (left_by_ == nobody) return;
    running->waited_for_by(nullptr);
    resume();
}

/// The operation takes its time to unwind, and somebody may lose patience.
/// \returns who leaves it behind; `nobody`: all wait, and will be asked again. If there is no memory to ask
///          again, whoever would give up some time does so now
step_index call::ask_expired()
{
    auto const all = way_.ask_limits();
    if (all.given_up != nobody) return all.given_up;
    return all.ask_again == never || arm_if_possible(all.ask_again) ? nobody : all.last_resort;
}

} // namespace keel::detail
