#pragma once

#include <keel/async/detail/brief_lock.hpp>
#include <keel/async/detail/deadline_list.hpp>
#include <keel/async/detail/deadline_node.hpp>
#include <keel/async/detail/deadline_queue.hpp>
#include <keel/async/detail/reserved_block.hpp>
#include <keel/core/time.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

namespace keel {

namespace asio = boost::asio;

/// The monotonic clock of the machine. The only place in the library that reads it.
time_point steady_now() noexcept;

/// Something that wants to be told at a time. Lives inside whatever waits; must stay where it is, and its
/// executor alive, while armed. Everything but arming's bookkeeping happens on that executor.
class deadline : private detail::deadline_node
{
public:
    deadline(deadline const&) = delete;
    deadline& operator=(deadline const&) = delete;

protected:
    explicit deadline(asio::any_io_executor const& executor) noexcept : executor_(&executor) {}
    ~deadline() = default;

    asio::any_io_executor const& executor() const noexcept { return *executor_; }

    /// The time has come. Runs on the executor. Armed no more.
    virtual void reached() = 0;

private:
    friend class time_source;

    // The sequence is written on the executor only, so that there it tells without the lock what is not
    // armed. The rest of the node belongs to whoever holds the lock.
    asio::any_io_executor const* executor_;
};

/// The clock and the deadlines of one execution context: a service of it, made at the first use.
///
/// All deadlines of a context share one Asio timer, which is set again only when the earliest deadline
/// becomes earlier; disarming never touches it unless it would hold the context's `run()` for more than 10
/// ms. Arming and disarming cost the same however many deadlines are pending, as long as most of them are of
/// a few lengths; else as much as the logarithm of their number.
///
/// Tests replace it by a derived service (`testing::virtual_time`), which must be added to the context before
/// anything of Keel runs there. Thread-safe.
class time_source : public asio::execution_context::service
{
public:
    // Shared by derived services, and no `key_type`: with one, Asio looks a service up by its own exact type,
    // and a replacement would silently be ignored.
    static asio::execution_context::id id;

    explicit time_source(asio::execution_context&);
    ~time_source() override;

    /// The time source of this context: the one installed, or a new one that tells real time.
    static time_source& of(asio::execution_context&);

    virtual time_point now() const noexcept;

    /// Calls `d.reached()` on its executor at `at` or soon after, never before. `d` must not be armed.
    /// `time_point::max()` never comes, and does not keep the context running.
    /// \param now a recent reading of this source
    /// \throws std::bad_alloc, or what Asio throws when it cannot make a timer; then it is not armed
    void arm(deadline& d, time_point at, time_point now);

    /// `d.reached()` will not be called any more. Does nothing when `d` is not armed. Call on d's executor.
    void disarm(deadline& d) noexcept
    {
        if (d.sequence != 0) remove(d);
    }

    /// How many deadlines are armed.
    std::size_t armed() const;

protected:
    void shutdown() override;

    /// The earliest deadline, or `time_point::max()`.
    time_point earliest() const;
    /// Posts `reached` of every deadline that is due at `now`, in order.
    void fire_due(time_point now);

    /// A deadline was armed that may be the earliest of all. Sets the alarm, unless it is set for that time.
    virtual void earliest_moved(time_point now);

private:
    class alarm;
    struct firing;

    void arm_with_care(deadline& d, time_point at, time_point now);
    void arm_first(deadline& d, time_point now);
    void remove(deadline& d) noexcept;
    void remove_with_care(deadline& d) noexcept;
    void remove_locked(deadline& d) noexcept;

    std::optional<firing> fire_first(time_point now);
    void deliver(std::uint64_t number);
    deadline* take_fired(std::uint64_t number) noexcept;

    void on_alarm(std::uint64_t shot);
    void set_alarm(time_point now);
    void set_alarm_again(time_point now) noexcept;
    void cancel_far_alarm() noexcept;
    void note_alarm(time_point at, bool far) noexcept;

    // These two with `lock_` held.
    detail::deadline_node* not_posted() const noexcept;
    time_point next_due() const noexcept;

    mutable detail::brief_lock lock_;
    detail::deadline_queue queue_;
    detail::deadline_list fired_; ///< `reached` of these is on its way, in this order.
    std::uint64_t firings_ = 0;   ///< Counts them.
    std::uint64_t posted_ = 0;    ///< The last firing that was posted.
    std::size_t armed_ = 0;
    time_point alarm_at_ = time_point::max(); ///< What is due after this need not look at the alarm.
    bool alarm_is_far_ = false;               ///< It must not stay when the last deadline goes.

    // Held while the alarm is set, and while what has fired is posted. Never locked under `lock_`.
    std::mutex alarm_mutex_;
    std::unique_ptr<alarm> alarm_;
    detail::reserved_block for_alarm_; ///< So that it can be set again when memory has run out.
    bool down_ = false;                ///< The context is being destroyed.
};

} // namespace keel
