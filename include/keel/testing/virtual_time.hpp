#pragma once

#include <keel/async/time_source.hpp>
#include <keel/core/time.hpp>

#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>

#include <stdexcept>

namespace keel::testing {

/// Nothing is left that could happen, and what was waited for has not happened.
class would_deadlock : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

/// A time source that stands still until it is told to move, or until nothing else can happen. The same
/// compiled code runs under it as in production: hours of back-off take microseconds, and the order is always
/// the same.
///
/// Install it with `virtual_time::install` before anything of Keel runs on the context. It is for one thread,
/// and knows nothing of sockets and Asio's own timers: those still take real time.
class virtual_time final : public time_source
{
public:
    /// The clock of `context`, starting at `time_point{}`.
    /// \throws boost::asio::service_already_exists when the context has a time source already
    static virtual_time& install(asio::io_context& context);

    explicit virtual_time(asio::execution_context& context) : time_source(context) {}

    time_point now() const noexcept override { return now_; }

    /// Runs everything that is ready, without moving the clock.
    void settle(asio::io_context&);

    /// Runs everything that is ready; then jumps to the next deadline that is not later than `until`, and so
    /// on. Ends with the clock at `until`.
    void run_until(asio::io_context&, time_point until);

    /// Runs what is ready and jumps once to the next deadline. False: there is none.
    bool step(asio::io_context&);

    /// Runs one handler; or, when none is ready, jumps to the next deadline and runs nothing. False: nothing
    /// is left that could happen.
    bool run_one(asio::io_context&);

private:
    void earliest_moved(time_point) override {}

    /// To the next deadline. False: there is none.
    bool jump();

    time_point now_{};
};

} // namespace keel::testing
