#include <keel/async/rate_limiter.hpp>

#include <algorithm>
#include <mutex>
#include <new>
#include <string>
#include <utility>

namespace keel {

class rate_limiter::cell final : public gate
{
public:
    explicit cell(rate_limiter_options options) : machine_(std::move(options)) {}

    std::string_view name() const noexcept override { return machine_.options().name; }

    part_description describe() const override
    {
        auto const& o = machine_.options();
        auto text = "permits=" + std::to_string(o.permits) + " per=" + to_string(o.per);
        if (o.burst) text += " burst=" + std::to_string(*o.burst);
        if (o.max_wait > duration::zero()) text += " max_wait=" + to_string(o.max_wait);
        return {
            .kind = "rate_limiter", .name = o.name, .options = std::move(text), .longest_wait = o.max_wait};
    }

    admission admit(visit const& v) override
    {
        auto const now = v.now();
        return take(now, v.weight, v.waiter ? longest_wait(now, v.waiter->deadline) : duration::zero());
    }

    admission take(time_point now, std::uint32_t weight, duration max_wait)
    {
        std::lock_guard lock(mutex_);
        if (!std::exchange(started_, true)) machine_.start(now);
        return machine_.admit(now, weight, max_wait);
    }

    void settle(grant, verdict, visit const&) noexcept override {}

    void give_back(grant pass, visit const& v) noexcept override
    {
        auto const now = v.now();
        std::lock_guard lock(mutex_);
        try {
            machine_.withdraw(pass, now);
        } catch (std::bad_alloc const&) { // its tokens are lost, and the rate is kept all the same
        }
    }

    /// A new limiter would let a whole burst in.
    std::string_view state_to_keep(time_point now) const noexcept override
    {
        std::lock_guard lock(mutex_);
        auto const seen = started_ ? machine_.snapshot(now) : rate_limiter_snapshot();
        return seen.available < std::int64_t{seen.burst} ? "spent" : std::string_view();
    }

    rate_limiter_snapshot snapshot(time_point now) const
    {
        std::lock_guard lock(mutex_);
        return machine_.snapshot(now);
    }

private:
    /// A permit that comes at the deadline or later is of no use.
    duration longest_wait(time_point now, time_point deadline) const
    {
        if (deadline == time_point::max()) return machine_.options().max_wait;
        auto const left = std::max(duration::zero(), saturating_sub(deadline, now));
        return std::min(machine_.options().max_wait, left - duration(1));
    }

    mutable std::mutex mutex_;
    policy::rate_limiter machine_;
    bool started_ = false; ///< Its clock begins with the first call, whatever clock that is.
};

rate_limiter::rate_limiter(rate_limiter_options options) : cell_(std::make_shared<cell>(std::move(options)))
{}

permit rate_limiter::try_acquire(time_point now, std::uint32_t weight) const
{
    return {cell_, cell_->take(now, weight, duration::zero())};
}

rate_limiter_snapshot rate_limiter::snapshot(time_point now) const { return cell_->snapshot(now); }
std::shared_ptr<gate> rate_limiter::as_gate() const { return cell_; }

} // namespace keel
