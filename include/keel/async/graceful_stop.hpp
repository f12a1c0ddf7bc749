#pragma once

#include <keel/core/time.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution_context.hpp>

#include <chrono>
#include <cstddef>

namespace keel {

namespace asio = boost::asio;

namespace detail {
class runtime;
}

struct drain_options
{
    /// How long calls may go on by themselves. 0 or less: not at all.
    duration grace = std::chrono::seconds(10);

    /// How long calls that were cancelled then may take to unwind. 0 or less: they are not waited for.
    duration unwind = std::chrono::seconds(2);
};

/// What became of the calls that were on their way when a drain began.
struct drain_report
{
    std::size_t finished = 0;  ///< Ended by themselves in the time of grace.
    std::size_t cancelled = 0; ///< Ended after they had been cancelled.
    std::size_t left = 0;      ///< Still going on: they ignore cancellation, and end with their context.
    duration took{};           ///< The whole drain.
};

/// Ends a context full of calls in order: new calls are refused, those on their way may finish, then they are
/// cancelled, and what is left is told.
///
///     keel::graceful_stop stop(context);                      // before the first call
///     ...
///     auto const report = co_await stop.drain({.grace = 5s}); // on a signal, say
///     context.stop();
///
/// Make it before the calls it is to know, those of every pipeline on the context; calls that are older are
/// neither counted nor cancelled. Knowing them costs a call one entry in a table. One object does for a
/// context; several are the same. Must not outlive the context.
class graceful_stop
{
public:
    /// From here on the context knows its calls, also when this object is gone. Refuses nothing yet.
    explicit graceful_stop(asio::execution_context&);

    /// How many calls are on their way. Thread-safe.
    std::size_t calls() const;

    /// From now on a call that begins is refused with `errc::shutting_down`, unless it is made inside another
    /// call. Waits for the others, up to `grace`, cancels them, waits up to `unwind`. A call that is ended so
    /// has `ended_by::shutdown`; one whose operation finishes all the same keeps its result.
    ///
    /// \throws std::logic_error while another `drain` of this context is under way
    ///
    /// The coroutine may run on any context that goes on meanwhile, on a strand if that is an `io_context`
    /// with several threads, and must not be inside a call of this one. Cancelling it, which wants a serial
    /// executor, ends the wait with `operation_aborted`; the calls stay refused.
    asio::awaitable<drain_report> drain(drain_options = {}) const;

private:
    detail::runtime* home_;
};

} // namespace keel
