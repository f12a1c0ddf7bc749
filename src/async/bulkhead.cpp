#include <keel/async/bulkhead.hpp>

#include <algorithm>
#include <mutex>

namespace keel {

class bulkhead::cell final : public gate
{
public:
    explicit cell(bulkhead_options options) : machine_(std::move(options)) {}

    std::string_view name() const noexcept override { return machine_.options().name; }
    bool holds_capacity() const noexcept override { return true; }

    admission admit(time_point now, turn_waiter* self, telemetry::origin const&, telemetry::sink*) override
    {
        std::lock_guard lock(mutex_);
        waiter_list expired;
        auto const answer = ask(now, self, expired);
        wake(expired);
        return answer;
    }

    void settle(grant pass, verdict, time_point now, telemetry::origin const&, telemetry::sink*) override
    {
        std::lock_guard lock(mutex_);
        auto turns = machine_.settle(pass, now);
        wake(turns.expired);
        wake(turns.granted);
    }

    bool withdraw(turn_waiter& w) override
    {
        std::lock_guard lock(mutex_);
        return machine_.withdraw(w);
    }

    bulkhead_snapshot snapshot() const
    {
        std::lock_guard lock(mutex_);
        return machine_.snapshot();
    }

private:
    admission ask(time_point now, turn_waiter* self, waiter_list& expired)
    {
        if (!self) return machine_.admit(now, expired);
        if (auto const& most = machine_.options().max_wait)
            self->deadline = std::min(self->deadline, saturating_add(now, *most));
        return machine_.admit(now, *self, expired);
    }

    // Under the lock: a waiter whose context goes away withdraws under it too, so here it is still alive. It
    // may be gone the moment it has been told, so it leaves the list first.
    static void wake(waiter_list& waiters)
    {
        while (auto* const w = waiters.pop_front()) static_cast<turn_waiter*>(w)->turn_came();
    }

    mutable std::mutex mutex_;
    policy::bulkhead machine_;
};

bulkhead::bulkhead(bulkhead_options options) : cell_(std::make_shared<cell>(std::move(options))) {}

permit bulkhead::try_acquire(time_point now) const
{
    return {cell_, cell_->admit(now, nullptr, {}, nullptr)};
}
bulkhead_snapshot bulkhead::snapshot() const { return cell_->snapshot(); }
std::shared_ptr<gate> bulkhead::as_gate() const { return cell_; }

} // namespace keel
