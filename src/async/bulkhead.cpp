#include <keel/async/bulkhead.hpp>

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace keel {

class bulkhead::cell final : public gate
{
public:
    explicit cell(bulkhead_options options) : machine_(std::move(options)) {}

    std::string_view name() const noexcept override { return machine_.options().name; }
    bool holds_capacity() const noexcept override { return true; }

    part_description describe() const override
    {
        std::lock_guard lock(mutex_);
        auto const& o = machine_.options();
        auto text = "max_concurrent=" + std::to_string(o.max_concurrent) +
                    " max_queue=" + std::to_string(o.max_queue);
        if (o.max_wait) text += " max_wait=" + to_string(*o.max_wait);
        auto const waits = o.max_queue > 0;
        return {.kind = "bulkhead",
                .name = o.name,
                .options = std::move(text),
                .longest_wait = waits ? o.max_wait : std::optional(duration::zero())};
    }

    admission admit(visit const& v) override
    {
        std::lock_guard lock(mutex_);
        waiter_list expired;
        auto const answer = ask(v, expired);
        wake(expired);
        return answer;
    }

    void settle(grant pass, verdict, visit const& v) noexcept override
    {
        std::lock_guard lock(mutex_);
        hand_over(machine_.settle(pass, time_for(v)));
    }

    std::string_view state_to_keep(time_point) const noexcept override
    {
        auto const seen = snapshot();
        if (seen.running > 0 || seen.waiting > 0) return "in use";
        return seen.max_concurrent != machine_.options().max_concurrent ? "resized" : std::string_view();
    }

    bool withdraw(turn_waiter& w) noexcept override
    {
        std::lock_guard lock(mutex_);
        return machine_.withdraw(w);
    }

    void resize(std::size_t max_concurrent, time_point now)
    {
        std::lock_guard lock(mutex_);
        hand_over(machine_.resize(max_concurrent, now));
    }

    bulkhead_snapshot snapshot() const
    {
        std::lock_guard lock(mutex_);
        return machine_.snapshot();
    }

private:
    admission ask(visit const& v, waiter_list& expired)
    {
        if (!v.waiter || machine_.has_room(v.weight)) return machine_.admit(time_for(v), expired, v.weight);
        auto const now = v.now();
        if (auto const& most = machine_.options().max_wait)
            v.waiter->deadline = std::min(v.waiter->deadline, saturating_add(now, *most));
        v.waiter->weight = v.weight;
        return machine_.admit(now, *v.waiter, expired);
    }

    /// While nobody waits, no decision depends on the time.
    time_point time_for(visit const& v) const { return machine_.is_queue_empty() ? time_point{} : v.now(); }

    static void hand_over(policy::bulkhead::turns turns)
    {
        wake(turns.expired);
        wake(turns.granted);
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

permit bulkhead::try_acquire(time_point now, std::uint32_t weight) const
{
    moment at(now);
    return {cell_, cell_->admit({.now = at, .weight = weight})};
}

void bulkhead::resize(std::size_t max_concurrent, time_point now) const
{
    bulkhead_options wanted;
    wanted.max_concurrent = max_concurrent;
    checked("bulkhead", wanted);
    cell_->resize(max_concurrent, now);
}

bulkhead_snapshot bulkhead::snapshot() const { return cell_->snapshot(); }
std::shared_ptr<gate> bulkhead::as_gate() const { return cell_; }

} // namespace keel
