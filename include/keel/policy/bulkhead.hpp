#pragma once

#include <keel/core/admission.hpp>
#include <keel/core/option_faults.hpp>
#include <keel/core/time.hpp>
#include <keel/core/waiter.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>

// A bulkhead protects the process from one slow dependency: it bounds how many calls are in flight to it, so
// that the rest of the ship stays dry. Further calls wait in a bounded, first in first out queue, or are
// refused.
//
// It bounds calls, not threads: a suspended coroutine still holds its permit. It does not slow callers down
// to a rate (`rate_limiter` does) and does not cut slow calls short (`timeout` does).

namespace keel {

struct bulkhead_options
{
    /// Shown in events and outcomes.
    std::string name = "bulkhead";

    /// How many calls may be in flight, or how many units of weight. At least 1. Can be changed later.
    std::size_t max_concurrent = 25;

    /// How many further calls may wait for a permit. 0: none, a full bulkhead refuses at once.
    std::size_t max_queue = 0;

    /// How long a call may wait. 0: not at all. `nullopt`: until its own deadline. Not negative.
    std::optional<duration> max_wait = std::nullopt;
};

/// Every option out of range. Empty when the options can be used.
option_faults validate(bulkhead_options const&);

struct bulkhead_snapshot
{
    std::size_t running = 0;        ///< Units of weight in flight.
    std::size_t waiting = 0;        ///< Calls in the queue.
    std::size_t max_concurrent = 0; ///< As it is now, see `resize`.
    std::size_t max_queue = 0;
};

namespace policy {

/// The bulkhead's decisions: a plain value, told the time. Not thread-safe.
///
/// A freed permit is handed to the first waiter and never becomes free in between, so nobody can overtake: a
/// heavy call at the head of the queue makes lighter ones behind it wait.
/// `running + free == max_concurrent` at every moment, but while a bulkhead that was made smaller still holds
/// more calls than it now admits.
class bulkhead
{
public:
    /// Waiters whose wait is over. The caller must wake each of them.
    struct turns
    {
        waiter_list granted; ///< They hold a permit: `granted` and `pass` are set.
        waiter_list expired; ///< Their deadline has come; they hold nothing.
    };

    /// \throws invalid_options
    explicit bulkhead(bulkhead_options);

    /// May a call go in? If it may wait, `self` is queued until `self.deadline`; else it is refused with
    /// `errc::bulkhead_full`.
    /// \param others receives those who have waited too long, and those who go in now that a heavy one of
    ///               these no longer stands before them
    admission admit(time_point now, waiter& self, turns& others);

    /// May a call that cannot wait go in? Refused with `errc::bulkhead_full`.
    /// \param weight how many units it takes; more than `max_concurrent` is always refused
    admission admit(time_point now, turns& others, std::uint32_t weight = 1);

    /// A call that was granted a permit ended: its permit goes to the first waiter. Once for each permit.
    turns settle(grant const&, time_point now);

    /// Takes a waiter out of the queue. False: it is not in it, because its turn has come or its wait is
    /// over.
    /// \param others receives those who have waited too long, and those who go in now that a heavy one no
    ///               longer stands before them
    bool withdraw(waiter&, time_point now, turns& others);

    /// Admits this many from now on. Growing lets waiters in; shrinking takes no permit away, but ends the
    /// wait of those whose weight can never fit.
    /// \param max_concurrent at least 1
    turns resize(std::size_t max_concurrent, time_point now);

    /// Whether a call of this weight would go in at once.
    bool has_room(std::uint32_t weight) const noexcept { return queue_.empty() && fits(weight, free()); }
    /// Whether nobody who waits has a deadline.
    bool is_timeless() const noexcept { return queue_.empty() || earliest_ == time_point::max(); }

    /// Whether a call of this weight may go in where nobody waits and so many units are free.
    static constexpr bool fits(std::uint32_t weight, std::size_t free) noexcept
    {
        return free > 0 && weight <= free;
    }

    /// All its free units, while nothing else decides: nobody waits, and no more is in flight than is
    /// admitted. Whoever has them gives them out by `fits` and collects them, as `admit` and `settle` would,
    /// and takes them back here before anything else is asked. Nothing: they cannot be lent now.
    std::optional<std::size_t> lend() const noexcept
    {
        if (!queue_.empty() || running_ > max_concurrent_) return std::nullopt;
        return max_concurrent_ - running_;
    }

    /// The units that were lent and are free now. The others are in flight.
    void take_back(std::size_t free) noexcept { running_ = max_concurrent_ - free; }

    bulkhead_options const& options() const noexcept { return options_; }
    bulkhead_snapshot snapshot() const;

private:
    void expire(time_point now, waiter_list& gone);
    void enqueue(waiter&);
    void dequeue(waiter&);
    void let_in(time_point now, waiter_list& granted);
    /// None while a bulkhead that was made smaller holds more than it now admits.
    std::size_t free() const noexcept { return max_concurrent_ - std::min(running_, max_concurrent_); }
    admission go_in(time_point now, std::uint32_t weight);

    bulkhead_options options_;
    std::size_t max_concurrent_;
    std::size_t running_ = 0;
    waiter_list queue_;
    /// No waiter's deadline is earlier, so that a queue in which nobody is late is not searched.
    time_point earliest_ = time_point::max();
};

} // namespace policy
} // namespace keel
