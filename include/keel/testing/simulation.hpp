#pragma once

#include <keel/async/sleep.hpp>
#include <keel/testing/virtual_time.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace keel::testing {

/// A coroutine that a simulation has started. A handle; may outlive the simulation.
class started
{
public:
    /// Cancels it, as `cancellation_signal::emit` does for a coroutine spawned with a slot. Does nothing when
    /// it has ended, or has been destroyed with the simulation.
    void cancel(asio::cancellation_type type = asio::cancellation_type::terminal) const
    {
        if (!state_->alive.expired()) state_->signal.emit(type);
    }

    /// It has returned or thrown. Not when it was destroyed with the simulation.
    bool done() const noexcept { return state_->done; }
    /// What it threw, when done; null if nothing.
    std::exception_ptr error() const noexcept { return state_->error; }

private:
    friend class simulation;
    struct state
    {
        asio::cancellation_signal signal;
        std::weak_ptr<void> alive; ///< What the coroutine's frame owns.
        bool done = false;
        std::exception_ptr error;
    };
    std::shared_ptr<state> state_ = std::make_shared<state>();
};

/// An `io_context` under virtual time, with a fixed seed: a world in which a coroutine that sleeps for hours
/// ends at once, always in the same way. For one thread.
class simulation
{
public:
    explicit simulation(std::uint64_t random_seed = 1);
    ~simulation();
    simulation(simulation const&) = delete;
    simulation& operator=(simulation const&) = delete;

    asio::io_context& context() noexcept { return *context_; }
    virtual_time& clock() noexcept { return *clock_; }

    /// Time since the simulation began.
    duration elapsed() const noexcept { return clock_->now().time_since_epoch(); }

    /// Runs a coroutine to its end, jumping over every wait, and returns or throws what it does.
    /// \throws would_deadlock when nothing is left to happen before it has ended
    template <class T>
    T run(asio::awaitable<T> work)
    {
        auto end = std::make_shared<ended<T>>();
        asio::co_spawn(*context_, keep<T>(std::move(work), end),
                       reporter{std::shared_ptr<how_it_ended>(end, &end->how)});
        drive(end->how);
        if (end->how.error) std::rethrow_exception(end->how.error);
        if constexpr (!std::is_void_v<T>) return *std::move(end->value);
    }

    /// Starts a coroutine, runs what is ready, and returns. It goes on during `run`, `advance`, `drain` and
    /// `run_one`.
    started start(asio::awaitable<void> work);

    /// Lets this much time pass. Zero or less: runs what is ready, and the clock stays.
    void advance(duration by);

    /// Goes on until nothing is left that could happen.
    void drain();

    /// The smallest step there is: runs one handler of the context; or, when none is ready, jumps to the next
    /// deadline and runs nothing. For tests that do something between any two handlers.
    /// \returns false when nothing is left that could happen
    bool run_one() { return clock_->run_one(*context_); }

    /// Destroys the context and every coroutine in it, as at the end of a program. Nothing else may follow.
    void destroy();

private:
    struct how_it_ended
    {
        bool done = false;
        std::exception_ptr error;
    };
    template <class T>
    struct ended
    {
        how_it_ended how;
        std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> value;
    };

    template <class T>
    static asio::awaitable<void> keep(asio::awaitable<T> work, std::shared_ptr<ended<T>> end)
    {
        if constexpr (std::is_void_v<T>)
            co_await std::move(work);
        else
            end->value.emplace(co_await std::move(work));
    }

    struct reporter
    {
        std::shared_ptr<how_it_ended> how;
        void operator()(std::exception_ptr e) const
        {
            how->error = std::move(e);
            how->done = true;
        }
    };

    void drive(how_it_ended const&);

    std::unique_ptr<asio::io_context> context_;
    virtual_time* clock_;
};

} // namespace keel::testing
