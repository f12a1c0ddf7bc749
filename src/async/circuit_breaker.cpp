#include <keel/async/circuit_breaker.hpp>

#include <mutex>
#include <type_traits>
#include <utility>

namespace keel {

class circuit_breaker::cell final : public gate
{
public:
    explicit cell(circuit_breaker_options options) : machine_(std::move(options)) {}

    std::string_view name() const noexcept override { return machine_.options().name; }

    admission admit(time_point now, turn_waiter*, telemetry::origin const& by,
                    telemetry::sink* observer) override
    {
        return change(now, by, observer, [&] { return machine_.admit(now); });
    }

    void settle(grant pass, verdict v, time_point now, telemetry::origin const& by,
                telemetry::sink* observer) override
    {
        change(now, by, observer, [&] { return machine_.settle(pass, v, now); });
    }

    verdict narrow(verdict v, failure const& what) const override
    {
        auto const& counts = machine_.options().failure_if;
        if ((v != verdict::failure && v != verdict::throttled) || !counts) return v;
        return counts(what) ? v : verdict::ignored;
    }

    void force(bool open, time_point now)
    {
        change(now, {{}, name(), now}, nullptr, [&] {
            if (open)
                machine_.force_open(now);
            else
                machine_.force_close(now);
            return open;
        });
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
    std::invoke_result_t<Decision> change(time_point now, telemetry::origin const& by,
                                          telemetry::sink* observer, Decision decide)
    {
        std::unique_lock lock(mutex_);
        auto const before = machine_.state();
        auto const answer = decide();
        auto const after = machine_.state();
        if (before == after) return answer;
        auto const own = sink_;
        lock.unlock();
        announce({before, after, now}, by, own ? own.get() : observer);
        return answer;
    }

    void announce(circuit_transition const& change, telemetry::origin const& by,
                  telemetry::sink* observer) const noexcept
    {
        if (auto const& listener = machine_.options().on_transition) {
            try {
                listener(change);
            } catch (...) { // a listener must not be able to break the call that caused the change
            }
        }
        telemetry::emit(observer, telemetry::circuit_changed{{by.pipeline, name(), change.at},
                                                             to_string(change.from),
                                                             to_string(change.to)});
    }

    mutable std::mutex mutex_;
    policy::circuit_breaker machine_;
    std::shared_ptr<telemetry::sink> sink_;
};

circuit_breaker::circuit_breaker(circuit_breaker_options options)
    : cell_(std::make_shared<cell>(std::move(options)))
{}

permit circuit_breaker::try_acquire(time_point now) const
{
    return {cell_, cell_->admit(now, nullptr, {{}, cell_->name(), now}, nullptr)};
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
