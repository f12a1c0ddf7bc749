#pragma once

#include <boost/asio/any_io_executor.hpp>

namespace keel::detail {

namespace asio = boost::asio;

class parking;
class runtime;

/// While it lives, those that the thread wakes of the giver's own context wait until it ends, and are
/// continued there: a call that gives its place to another goes on when that one has begun, as if the two had
/// been resumed in this order. That spares a post for each hand-over, needs no memory, and lets Asio use the
/// memory again that the giver has just freed.
///
/// The giver is between two steps and must be ready for user code to run, which may cancel it. Inside another
/// one of the same context it leaves everything to that one, so that the stack does not grow with a chain of
/// hand-overs.
class hand_over
{
public:
    /// \param context  the giver's
    /// \param executor the giver's
    hand_over(runtime& context, asio::any_io_executor const& executor) noexcept
        : context_(context),
          executor_(executor),
          outer_(innermost)
    {
        innermost = this;
    }
    hand_over(hand_over const&) = delete;
    hand_over& operator=(hand_over const&) = delete;
    ~hand_over()
    {
        if (first_) continue_them();
        innermost = outer_;
    }

    /// Takes in a coroutine that is woken. False: nobody collects those of its context on this thread.
    static bool collect(parking&) noexcept;

private:
    hand_over& collector() noexcept;
    void continue_them() noexcept;
    parking* take_first() noexcept;

    static thread_local constinit hand_over* innermost;

    bool is_plain() const noexcept;

    runtime& context_;
    asio::any_io_executor const& executor_;
    hand_over* const outer_;
    parking* first_ = nullptr;
    parking* last_ = nullptr;
};

} // namespace keel::detail
