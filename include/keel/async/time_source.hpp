#pragma once

#include <keel/async/detail/deadline_heap.hpp>
#include <keel/core/time.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>

#include <cstdint>
#include <memory>
#include <mutex>

namespace keel {

namespace asio = boost::asio;

/// The monotonic clock of the machine. The only place in the library that reads it.
time_point steady_now() noexcept;

/// Something that wants to be told at a time. Lives inside whatever waits; must stay where it is, and its
/// executor alive, while armed. Everything but arming's bookkeeping happens on that executor.
class deadline : private detail::heap_node
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

    asio::any_io_executor const* executor_;
    bool armed_ = false; ///< Belongs to the executor, so that disarming what is not armed needs no lock.
    bool fired_ = false; ///< Taken from the heap; `reached` is on its way. Under the lock, as are the links.
    deadline* previous_fired_ = nullptr;
    deadline* next_fired_ = nullptr;
};

/// The clock and the deadlines of one execution context: a service of it, made at the first use.
///
/// All deadlines of a context share one Asio timer, which is set again only when the earliest deadline
/// becomes earlier; disarming never touches it unless it would hold the context's `run()` for more than 10
/// ms.
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
    /// \param now a recent reading of this source
    /// \throws std::bad_alloc; then it is not armed
    void arm(deadline& d, time_point at, time_point now);

    /// `d.reached()` will not be called any more. Does nothing when `d` is not armed. Call on d's executor.
    void disarm(deadline& d) noexcept;

    /// How many deadlines are armed.
    std::size_t armed() const;

protected:
    void shutdown() override;

    /// The earliest deadline, or `time_point::max()`.
    time_point earliest() const;
    /// Posts `reached` of every deadline that is due at `now`, in order.
    void fire_due(time_point now);

    /// A deadline was armed; `earliest` is the earliest of all. Called under the lock.
    virtual void earliest_moved(time_point earliest, time_point now);
    /// The last deadline was disarmed. Called under the lock.
    virtual void idle() noexcept;

private:
    class alarm;

    void deliver(std::uint64_t sequence);
    deadline* take_fired(std::uint64_t sequence) noexcept;
    void unlink_fired(deadline& d) noexcept;
    void set_alarm_again(time_point now) noexcept;
    void on_alarm(std::uint64_t shot);

    mutable std::mutex mutex_;
    detail::deadline_heap heap_;
    deadline* first_fired_ = nullptr;
    deadline* last_fired_ = nullptr;
    std::uint64_t sequence_ = 0;
    std::unique_ptr<alarm> alarm_;
    bool down_ = false; ///< The context is being destroyed.
};

} // namespace keel
