#include <keel/async/bulkhead.hpp>

#include <keel/async/detail/cache_line.hpp>
#include <keel/async/detail/turnstile.hpp>

#include <algorithm>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace keel {

/// While nobody waits, a call goes through the turnstile, without lock and clock. All else asks the machine,
/// and shuts the turnstile meanwhile.
class bulkhead::cell final : public gate
{
public:
    explicit cell(bulkhead_options options) : has_queue_(options.max_queue > 0), machine_(std::move(options))
    {
        open();
    }

    std::string_view name() const noexcept override { return machine_.options().name; }
    bool holds_capacity() const noexcept override { return true; }

    part_description describe() const override
    {
        auto const& o = machine_.options();
        auto text = "max_concurrent=" + std::to_string(o.max_concurrent) +
                    " max_queue=" + std::to_string(o.max_queue);
        if (o.max_wait) text += " max_wait=" + to_string(*o.max_wait);
        return {.kind = "bulkhead",
                .name = o.name,
                .options = std::move(text),
                .longest_wait = has_queue_ ? o.max_wait : std::optional(duration::zero())};
    }

    admission admit(visit const& v) override
    {
        switch (turnstile_.take(v.weight)) {
        case turnstile::answer::taken: return admission::granted({0, {}, v.weight});
        case turnstile::answer::full:
            if (!has_queue_ || !v.waiter) return admission::refused(errc::bulkhead_full);
            break;
        case turnstile::answer::shut: break;
        }
        return ask(v);
    }

    bool admit_at_once(visit const& v, grant& pass) noexcept override
    {
        if (turnstile_.take(v.weight) != turnstile::answer::taken) return false;
        pass.generation = 0;
        pass.at = time_point{};
        pass.weight = v.weight;
        return true;
    }

    void settle(grant const& pass, verdict, visit const& v) noexcept override
    {
        if (!turnstile_.put_back(pass.weight)) tell(pass, v);
    }

    std::string_view state_to_keep(time_point) const noexcept override
    {
        auto const seen = snapshot();
        if (seen.running > 0 || seen.waiting > 0) return "in use";
        return seen.max_concurrent != machine_.options().max_concurrent ? "resized" : std::string_view();
    }

    bool withdraw(turn_waiter& w, visit const& v) noexcept override
    {
        session const alone(*this);
        policy::bulkhead::turns others;
        auto const was_waiting = machine_.withdraw(w, time_for(v), others);
        hand_over(std::move(others));
        return was_waiting;
    }

    void resize(std::size_t max_concurrent, time_point now)
    {
        session const alone(*this);
        hand_over(machine_.resize(max_concurrent, now));
    }

    bulkhead_snapshot snapshot() const
    {
        std::lock_guard lock(mutex_);
        auto seen = machine_.snapshot();
        if (auto const free = turnstile_.free()) seen.running = seen.max_concurrent - *free;
        return seen;
    }

private:
    using turnstile = detail::turnstile;

    /// With the machine, which has all units meanwhile.
    class session
    {
    public:
        explicit session(cell& c) : lock_(c.mutex_), cell_(c)
        {
            if (auto const free = cell_.turnstile_.shut()) cell_.machine_.take_back(*free);
        }
        session(session const&) = delete;
        session& operator=(session const&) = delete;
        ~session() { cell_.open(); }

    private:
        std::lock_guard<std::mutex> lock_;
        cell& cell_;
    };

    void open() noexcept
    {
        if (auto const free = machine_.lend()) turnstile_.open(*free, machine_.snapshot().max_concurrent);
    }

    // Not inlined, so that the way through the turnstile is short.

    [[gnu::noinline]] admission ask(visit const& v)
    {
        session const alone(*this);
        policy::bulkhead::turns others;
        auto const answer = ask(v, others);
        hand_over(std::move(others));
        return answer;
    }

    [[gnu::noinline]] void tell(grant pass, visit const& v)
    {
        session const alone(*this);
        hand_over(machine_.settle(pass, time_for(v)));
    }

    admission ask(visit const& v, policy::bulkhead::turns& others)
    {
        if (!v.waiter || machine_.has_room(v.weight)) return machine_.admit(time_for(v), others, v.weight);
        auto const& most = machine_.options().max_wait;
        auto const is_patient = !most && v.waiter->deadline == time_point::max();
        auto const now = is_patient ? time_for(v) : v.now();
        if (most) v.waiter->deadline = std::min(v.waiter->deadline, saturating_add(now, *most));
        v.waiter->weight = v.weight;
        return machine_.admit(now, *v.waiter, others);
    }

    /// While nobody waits, or all who do are patient, no decision depends on the time.
    time_point time_for(visit const& v) const { return machine_.is_timeless() ? time_point{} : v.now(); }

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

    // On lines of their own: what every call reads, what every call writes, and the rest.
    bool const has_queue_;
    alignas(detail::cache_line) turnstile turnstile_;
    alignas(detail::cache_line) mutable std::mutex mutex_;
    policy::bulkhead machine_;
};

bulkhead::bulkhead(bulkhead_options options) : cell_(std::make_shared<cell>(std::move(options))) {}

permit bulkhead::try_acquire(time_point now, std::uint32_t weight) const
{
    moment at(now);
    return {cell_, cell_->admit({.now = at, .weight = std::max(weight, std::uint32_t{1})})};
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
