#include <keel/async/circuit_breaker.hpp>

#include <keel/async/detail/circuit_cell.hpp>
#include <keel/async/detail/observer_slot.hpp>

#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>
#include <type_traits>
#include <utility>

namespace keel {

/// A circuit of its own: machine and mutex, and what it has published so that most calls need neither.
class circuit_breaker::own_cell final : public cell
{
public:
    explicit own_cell(circuit_breaker_options options) : machine_(std::move(options)) { publish(); }

    circuit_breaker_options const& options() const noexcept override { return machine_.options(); }

    admission admit(visit const& v) override
    {
        if (auto const generation = closed_in_.load(std::memory_order_acquire); generation != none)
            return admission::granted({generation, machine_.is_timeless() ? time_point{} : v.now(), 1});
        auto const until = refuses_until_.load(std::memory_order_acquire);
        if (!is_certain(until, v)) return ask_machine(v);
        if (auto const own = sink_.get()) tell(v, own).refused(refusal(until));
        return refusal(until); // made where it is wanted: to copy an answer takes longer than all of this
    }

    bool admit_at_once(visit const& v, grant& pass) noexcept override
    {
        auto const generation = closed_in_.load(std::memory_order_acquire);
        if (generation == none) return false;
        pass.generation = generation;
        pass.at = machine_.is_timeless() ? time_point{} : v.now();
        pass.weight = 1;
        return true;
    }

    void settle(grant const& pass, verdict what, visit const& v) noexcept override
    {
        if (what == verdict::success && settle_quietly(pass)) return;
        change(v, [&](time_point now) { return machine_.settle(pass, what, now); });
        if (what == verdict::ignored) tell(v, sink_.get()).ignored();
    }

    void force(bool open, time_point now) override
    {
        moment at(now);
        visit const v{.now = at};
        change(v, [&](time_point) {
            if (open)
                machine_.force_open(now);
            else
                machine_.force_close(now);
            return open;
        });
        if (!open) tell(v, sink_.get()).was_reset();
    }

    circuit_breaker_snapshot snapshot(time_point now) const override
    {
        std::lock_guard lock(mutex_);
        return machine_.snapshot(now);
    }

    circuit_state state() const noexcept override
    {
        std::lock_guard lock(mutex_);
        return machine_.state();
    }

    void observe(std::shared_ptr<telemetry::sink> sink) override { sink_.set(std::move(sink)); }

private:
    admission ask_machine(visit const& v)
    {
        auto const answer = change(v, [&](time_point now) { return machine_.admit(now); });
        if (answer.what == admission::kind::refused)
            if (auto const own = sink_.get()) tell(v, own).refused(answer);
        return answer;
    }

    /// One decision under the lock; if it changed the state, everybody is told after the lock is gone.
    template <class Decision>
    std::invoke_result_t<Decision, time_point> change(visit const& v, Decision decide)
    {
        auto const now = v.now();
        std::unique_lock lock(mutex_);
        auto const before = machine_.state();
        auto const answer = decide(now);
        auto const after = machine_.state();
        publish();
        lock.unlock();
        if (before != after) tell(v, sink_.get()).changed({before, after, now});
        return answer;
    }

    /// A success that can change nothing but the window, and so does not need the time.
    bool settle_quietly(grant pass)
    {
        if (pass.generation == unmoved_in_.load(std::memory_order_acquire)) return true;
        if (!machine_.is_timeless()) return false;
        std::lock_guard lock(mutex_);
        if (!machine_.is_safe_from_success()) return false;
        machine_.settle(pass, verdict::success, {});
        publish();
        return true;
    }

    /// What calls may know without the lock. Each is one atomic, true at the moment it is read, and so is
    /// what a call does because of it: it takes its place in the order of decisions just there, before the
    /// one that is being made. It does nothing but read, so nobody can have seen the later one first: whoever
    /// has seen that one, through the lock or through what it published, has it before his own call and
    /// reads what it has published too.
    ///
    /// - Closed: a call goes in. One that comes just as the circuit opens goes in with the old generation and
    ///   is not counted.
    /// - Open, and not over: a call is refused. Only the machine lets the first trial in.
    /// - A success would move nothing: it is left out. If a failure is being counted, the success was before
    ///   it, when the window was still full of successes; if the circuit has left that generation, the
    ///   success is stale and would not be counted either.
    void publish() noexcept
    {
        auto const generation = machine_.generation();
        auto const closed = machine_.state() == circuit_state::closed;
        auto const unmoved = machine_.is_timeless() && machine_.is_unmoved_by_success();
        closed_in_.store(closed ? generation : none, std::memory_order_release);
        unmoved_in_.store(unmoved ? generation : none, std::memory_order_release);
        refuses_until_.store(certain_refusal(), std::memory_order_release);
    }

    duration::rep certain_refusal() const noexcept
    {
        if (machine_.state() == circuit_state::forced_open) return for_good;
        auto const until = machine_.opens_until();
        return until && *until < time_point::max() ? until->time_since_epoch().count() : not_at_all;
    }

    static bool is_certain(duration::rep until, visit const& v)
    {
        if (until == not_at_all || until == for_good) return until == for_good;
        return v.now() < time_point(duration(until));
    }

    static admission refusal(duration::rep until) noexcept
    {
        if (until == for_good) return admission::refused(errc::circuit_forced_open);
        return admission::refused(errc::circuit_open, time_point(duration(until)));
    }

    detail::circuit_reporter tell(visit const& v, std::shared_ptr<telemetry::sink> const& own) const noexcept
    {
        return {machine_.options(), own.get(), v};
    }

    static constexpr auto none = std::numeric_limits<std::uint64_t>::max();
    static constexpr auto not_at_all = std::numeric_limits<duration::rep>::min();
    static constexpr auto for_good = std::numeric_limits<duration::rep>::max();

    mutable std::mutex mutex_;
    policy::circuit_breaker machine_;
    std::atomic<std::uint64_t> closed_in_{none};  ///< The generation, while closed.
    std::atomic<std::uint64_t> unmoved_in_{none}; ///< The generation, while a success would move nothing.
    std::atomic<duration::rep> refuses_until_{not_at_all};
    detail::observer_slot sink_;
};

circuit_breaker::circuit_breaker(circuit_breaker_options options)
    : cell_(std::make_shared<own_cell>(std::move(options)))
{}

permit circuit_breaker::try_acquire(time_point now) const
{
    moment at(now);
    return permit(cell_, {.now = at});
}

permit circuit_breaker::try_acquire() const
{
    moment at;
    return permit(cell_, {.now = at});
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
