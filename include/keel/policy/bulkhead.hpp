#pragma once

#include <keel/core/admission.hpp>
#include <keel/core/option_faults.hpp>
#include <keel/core/time.hpp>
#include <keel/core/waiter.hpp>

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

    /// How many calls may be in flight. At least 1.
    std::size_t max_concurrent = 25;

    /// How many further calls may wait for a permit. 0: none, a full bulkhead refuses at once.
    std::size_t max_queue = 0;

    /// How long a call may wait. 0: not at all. `nullopt`: until its own deadline. Not negative.
    std::optional<duration> max_wait = std::nullopt;
};

option_faults validate(bulkhead_options const&);

struct bulkhead_snapshot
{
    std::size_t running = 0;
    std::size_t waiting = 0;
    std::size_t max_concurrent = 0;
    std::size_t max_queue = 0;
};

namespace policy {

/// The bulkhead's decisions: a plain value, told the time. Not thread-safe.
///
/// A freed permit is handed to the first waiter and never becomes free in between, so nobody can overtake.
/// `running + free == max_concurrent` at every moment.
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

    /// May a call go in? If it may wait, `self` is queued until `self.deadline`.
    /// \param expired receives the waiters that were found to have waited too long
    admission admit(time_point now, waiter& self, waiter_list& expired);

    /// May a call that cannot wait go in?
    admission admit(time_point now, waiter_list& expired);

    /// A call that was granted a permit ended: its permit goes to the first waiter.
    turns settle(grant, time_point now);

    /// Takes a waiter out of the queue. False: it is not in it, because its turn has come or its wait is
    /// over.
    bool withdraw(waiter&);

    bulkhead_options const& options() const noexcept { return options_; }
    bulkhead_snapshot snapshot() const;

private:
    waiter_list expire(time_point now);
    void enqueue(waiter&);
    void dequeue(waiter&);
    bool has_place() const noexcept { return running_ < options_.max_concurrent && queue_.empty(); }
    admission go_in(time_point now);

    bulkhead_options options_;
    std::size_t running_ = 0;
    waiter_list queue_;
    /// No waiter's deadline is earlier, so that a queue in which nobody is late is not searched.
    time_point earliest_ = time_point::max();
};

} // namespace policy
} // namespace keel
