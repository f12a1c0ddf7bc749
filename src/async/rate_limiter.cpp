#include <keel/async/rate_limiter.hpp>

#include <keel/async/detail/brief_lock.hpp>
#include <keel/async/detail/cache_line.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>
#include <string>
#include <utility>

namespace keel {

class rate_limiter::cell final : public gate
{
public:
    explicit cell(rate_limiter_options options) : max_wait_(options.max_wait), machine_(std::move(options)) {}

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
        auto const next = next_.load(std::memory_order_acquire);
        if (now < next && v.weight == 1 && saturating_sub(next, now) > longest_wait(v, now))
            return admission::refused(errc::rate_limited, next);

        if (grant pass; (!v.waiter || now < v.waiter->deadline) && admit_at_once(v, pass))
            return admission::granted(pass);
        return ask(v, now);
    }

    bool admit_at_once(visit const& v, grant& pass) noexcept override
    {
        auto const now = v.now();
        if (now < next_.load(std::memory_order_acquire)) return false;
        std::lock_guard lock(lock_);
        begin(now);
        auto const granted = machine_.admit_at_once(now, v.weight);
        if (!granted) return false;
        pass.generation = granted->generation; // one by one, see `slot`
        pass.at = granted->at;
        pass.weight = granted->weight;
        return true;
    }

    void settle(grant const&, verdict, visit const&) noexcept override {}

    void give_back(grant const& pass, visit const& v) noexcept override
    {
        auto const now = v.now();
        std::lock_guard lock(lock_);
        next_.store(unknown, std::memory_order_relaxed);
        try {
            machine_.withdraw(pass, now);
        } catch (std::bad_alloc const&) { // its tokens are lost, and the rate is kept all the same
        }
    }

    /// A new limiter would let a whole burst in.
    std::string_view state_to_keep(time_point now) const noexcept override
    {
        std::lock_guard lock(lock_);
        auto const seen = started_ ? machine_.snapshot(now) : rate_limiter_snapshot();
        return seen.available < std::int64_t{seen.burst} ? "spent" : std::string_view();
    }

    rate_limiter_snapshot snapshot(time_point now) const
    {
        std::lock_guard lock(lock_);
        if (started_) return machine_.snapshot(now);
        auto as_if_now = machine_;
        as_if_now.start(now);
        return as_if_now.snapshot(now);
    }

private:
    /// Before a decision that may change something; with the lock held.
    void begin(time_point now)
    {
        if (!std::exchange(started_, true)) machine_.start(now);
        next_.store(unknown, std::memory_order_relaxed);
    }

    // Not inlined, so that the usual way is short.
    [[gnu::noinline]] admission ask(visit const& v, time_point now)
    {
        std::lock_guard lock(lock_);
        begin(now);
        auto const answer = machine_.admit(now, v.weight, longest_wait(v, now));
        if (v.weight == 1 && answer.what == admission::kind::refused && *answer.at > now)
            next_.store(*answer.at, std::memory_order_release);
        return answer;
    }

    /// A permit that comes at the deadline or later is of no use.
    duration longest_wait(visit const& v, time_point now) const
    {
        if (!v.waiter) return duration::zero();
        if (v.waiter->deadline == time_point::max()) return max_wait_;
        auto const left = saturating_sub(v.waiter->deadline, now);
        return left > max_wait_ ? max_wait_ : std::max(duration::zero(), left) - duration(1);
    }

    static constexpr auto unknown = time_point::min();

    // What every call reads; then, on lines of its own, what every call writes.
    duration const max_wait_;
    alignas(detail::cache_line) mutable detail::brief_lock lock_;
    bool started_ = false; ///< Its clock begins with the first call, whatever clock that is.
    /// When the next permit comes, if a call was refused because of it and nothing has been given out or back
    /// since: until then it is the same for all who ask, whatever their time. A call of weight 1 that cannot
    /// wait that long is refused without the lock.
    std::atomic<time_point> next_{unknown};
    policy::rate_limiter machine_;
};

rate_limiter::rate_limiter(rate_limiter_options options) : cell_(std::make_shared<cell>(std::move(options)))
{}

permit rate_limiter::try_acquire(time_point now, std::uint32_t weight) const
{
    moment at(now);
    return {cell_, cell_->admit({.now = at, .weight = std::max(weight, std::uint32_t{1})})};
}

rate_limiter_snapshot rate_limiter::snapshot(time_point now) const { return cell_->snapshot(now); }
std::shared_ptr<gate> rate_limiter::as_gate() const { return cell_; }

} // namespace keel
