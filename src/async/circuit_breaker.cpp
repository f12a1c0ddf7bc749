#include <keel/async/circuit_breaker.hpp>

#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace keel {

class circuit_breaker::cell final : public gate
{
public:
    explicit cell(circuit_breaker_options options)
        : machine_(std::move(options)),
          timeless_(machine_.is_timeless())
    {
        publish();
    }

    std::string_view name() const noexcept override { return machine_.options().name; }

    part_description describe() const override
    {
        auto const& o = machine_.options();
        auto text =
            "open_for=" + to_string(o.open_for) + " half_open_permits=" + std::to_string(o.half_open_permits);
        if (o.slow_call) text += " slow_call=" + to_string(*o.slow_call);
        return {.kind = "circuit_breaker",
                .name = o.name,
                .options = std::move(text),
                .longest_wait = duration::zero()};
    }

    admission admit(visit const& v) override
    {
        if (auto const generation = closed_in_.load(std::memory_order_acquire); generation != not_closed)
            return admission::granted({generation, timeless_ ? time_point{} : v.now(), 1});
        auto const answer = change(v.now(), v, [&] { return machine_.admit(v.now()); });
        if (answer.what == admission::kind::refused && v.from.pipeline.empty()) tell_refused(answer, v);
        return answer;
    }

    void settle(grant pass, verdict what, visit const& v) noexcept override
    {
        if (what == verdict::success && settle_quietly(pass)) return;
        change(v.now(), v, [&] { return machine_.settle(pass, what, v.now()); });
        if (what == verdict::ignored) tell_ignored(v);
    }

    verdict narrow(verdict v, failure const& what) const override
    {
        auto const& counts = machine_.options().failure_if;
        if ((v != verdict::failure && v != verdict::throttled) || !counts) return v;
        return counts(what) ? v : verdict::ignored;
    }

    void force(bool open, time_point now)
    {
        moment at(now);
        change(now, {.now = at}, [&] {
            if (open)
                machine_.force_open(now);
            else
                machine_.force_close(now);
            return open;
        });
        if (!open) telemetry::emit(observer().get(), telemetry::circuit_reset{visit{.now = at}.by(name())});
    }

    /// What a closed circuit remembers of long ago is no loss.
    std::string_view state_to_keep(time_point) const noexcept override
    {
        auto const now_in = state();
        return now_in == circuit_state::closed ? std::string_view() : to_string(now_in);
    }

    circuit_breaker_snapshot snapshot(time_point now) const
    {
        std::lock_guard lock(mutex_);
        return machine_.snapshot(now);
    }

    circuit_state state() const
    {
        std::lock_guard lock(mutex_);
        return machine_.state();
    }

    // The sink it had goes away with the argument, when the lock is gone: it is the user's code that ends
    // there.
    void observe(std::shared_ptr<telemetry::sink> sink)
    {
        std::lock_guard lock(mutex_);
        sink_.swap(sink);
    }

private:
    /// One decision under the lock; if it changed the state, everybody is told after the lock is gone.
    template <class Decision>
    std::invoke_result_t<Decision> change(time_point now, visit const& v, Decision decide)
    {
        std::unique_lock lock(mutex_);
        auto const before = machine_.state();
        auto const answer = decide();
        auto const after = machine_.state();
        publish();
        if (before == after) return answer;
        auto const own = sink_;
        lock.unlock();
        announce({before, after, now}, v, own ? own.get() : v.from.observer);
        return answer;
    }

    /// A success that can change nothing but the window, and so does not need the time.
    bool settle_quietly(grant pass)
    {
        if (!timeless_) return false;
        std::lock_guard lock(mutex_);
        if (!machine_.is_safe_from_success()) return false;
        machine_.settle(pass, verdict::success, {});
        return true;
    }

    /// While the circuit is closed a call goes in without taking the lock. One that comes just as it opens
    /// goes in with the old generation, as if it had come a moment earlier, and is not counted.
    void publish() noexcept
    {
        auto const closed = machine_.state() == circuit_state::closed;
        closed_in_.store(closed ? machine_.generation() : not_closed, std::memory_order_release);
    }

    std::shared_ptr<telemetry::sink> observer() const
    {
        std::lock_guard lock(mutex_);
        return sink_;
    }

    /// In a pipeline, the pipeline tells of it.
    void tell_refused(admission const& answer, visit const& v) const
    {
        auto const own = observer();
        if (!own) return;
        auto const wait = answer.at ? std::optional(saturating_sub(*answer.at, v.now())) : std::nullopt;
        telemetry::emit(own.get(), telemetry::rejected{v.by(name()), answer.why, wait});
    }

    void tell_ignored(visit const& v) const noexcept
    {
        auto const own = observer();
        auto* const to = own ? own.get() : v.from.observer;
        if (to) telemetry::emit(to, telemetry::circuit_ignored{v.by(name())});
    }

    void announce(circuit_transition const& change, visit const& v, telemetry::sink* observer) const noexcept
    {
        if (auto const& listener = machine_.options().on_transition) {
            try {
                listener(change);
            } catch (...) { // a listener must not be able to break the call that caused the change
            }
        }
        if (!observer) return;
        telemetry::emit(
            observer, telemetry::circuit_changed{v.by(name()), to_string(change.from), to_string(change.to)});
    }

    static constexpr auto not_closed = std::numeric_limits<std::uint64_t>::max();

    mutable std::mutex mutex_;
    std::atomic<std::uint64_t> closed_in_{not_closed}; ///< The generation, while closed.
    policy::circuit_breaker machine_;
    bool const timeless_;
    std::shared_ptr<telemetry::sink> sink_;
};

circuit_breaker::circuit_breaker(circuit_breaker_options options)
    : cell_(std::make_shared<cell>(std::move(options)))
{}

permit circuit_breaker::try_acquire(time_point now) const
{
    moment at(now);
    return {cell_, cell_->admit({.now = at})};
}

void circuit_breaker::force_open(time_point now) const { cell_->force(true, now); }
void circuit_breaker::force_close(time_point now) const { cell_->force(false, now); }
circuit_state circuit_breaker::state() const { return cell_->state(); }
circuit_breaker_snapshot circuit_breaker::snapshot(time_point now) const { return cell_->snapshot(now); }
void circuit_breaker::observe(std::shared_ptr<telemetry::sink> sink) const
{
    cell_->observe(std::move(sink));
}
std::shared_ptr<gate> circuit_breaker::as_gate() const { return cell_; }

} // namespace keel
