#pragma once

#include <keel/async/detail/parked_handler.hpp>
#include <keel/async/detail/runtime.hpp>
#include <keel/async/time_source.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <atomic>
#include <utility>

namespace keel::detail {

/// A place in which one coroutine waits, until it is resumed, a deadline is reached, or it is cancelled.
/// Belongs to the coroutine's frame. The derived class decides what the three mean.
///
/// Everything but `wake` is for the coroutine's own executor. Each wait ends with exactly one `resume`,
/// `wake` or `drop`; after `drop` the frame, and this in it, lives on until its executor has destroyed it.
class parking : public deadline
{
public:
    /// \param executor the coroutine's, which its frame keeps for as long as this
    parking(asio::any_io_executor const& executor, runtime& context) : deadline(executor), context_(context)
    {}

    runtime& context() noexcept { return context_; }
    using deadline::executor;

    /// Has `cancelled` called from here on, until the next wait has ended. Before anything that must be taken
    /// back: this is the step of a wait that needs memory.
    /// \param slot the coroutine's
    /// \throws std::bad_alloc
    void listen(asio::cancellation_slot slot);
    /// There is nothing to wait for after all.
    void stop_listening() noexcept;

    /// Suspends until resumed. Completes with nothing; never throws from the wait itself.
    /// \param token a coroutine's: `asio::deferred`
    template <class Token>
    auto async_park(Token&& token)
    {
        return asio::async_initiate<Token, void()>([this](auto handler) { this->park(std::move(handler)); },
                                                   token);
    }

    /// Continues the coroutine inside this call.
    void resume();
    /// Continues the coroutine soon, on its executor. From any thread.
    void wake() { context_.wake(*this); }
    /// Ends the coroutine without continuing it: its frame is destroyed.
    void drop();

protected:
    ~parking()
    {
        disarm();
        if (listed_) context_.strike(*this);
        if (slot_.is_connected()) stop_listening();
    }

    /// Was cancelled from outside, and the emitter is on the stack: do not resume, or touch nothing after.
    /// May come between `listen` and the wait.
    virtual void cancelled() = 0;
    /// The coroutine will not be continued. Whoever might still want to wake it must be told now.
    virtual void dropped() noexcept {}

    void arm(time_point at, time_point now) { context_.time().arm(*this, at, now); }
    void disarm() noexcept { context_.time().disarm(*this); }

    /// A wait whose end is the business of a child coroutine, which will `drop` it. Not ended by the runtime,
    /// so that the child, which may refer to this frame, is destroyed first.
    void supervised(bool yes) noexcept { supervised_ = yes; }

    template <class Handler>
    void park(Handler handler)
    {
        handler_.park(std::move(handler));
        if (!supervised_) context_.enlist(*this);
    }

private:
    friend class runtime;
    friend class parking_list;
    friend class hand_over;

    bool is_parked() const noexcept { return static_cast<bool>(handler_); }
    /// Whether its executor is an `io_context`'s own.
    bool is_plain() const noexcept { return plain_executor(executor()).has_value(); }

    runtime& context_;
    parked_handler handler_;
    asio::cancellation_slot slot_;
    parking* previous_ = nullptr; ///< These three belong to the runtime, and are under its lock.
    parking* next_ = nullptr;
    parking_list* in_ = nullptr;
    parking* next_woken_ = nullptr; ///< Of those that a `hand_over` collects.
    bool listed_ = false;           ///< May be in a list. Belongs to the executor.
    bool supervised_ = false;
};

/// A place for a wait of a coroutine whose executor may have several threads: what ends the wait may come on
/// another thread before the coroutine is parked, and then the wait ends there. For one wait. As everywhere
/// in Asio, who cancels such a coroutine must see to it that nothing else of it runs.
class early_parking : public parking
{
public:
    using parking::parking;

    template <class Token>
    auto async_park(Token&& token)
    {
        auto const begin = [this](auto handler) {
            this->park(std::move(handler));
            if (comes_second()) continue_soon(); // the last step: the coroutine may be gone
        };
        return asio::async_initiate<Token, void()>(begin, token);
    }

protected:
    /// In place of `resume` and `wake`: the coroutine goes on, if it has been parked, or else as soon as it
    /// is.
    void end()
    {
        if (comes_second()) resume();
    }
    void end_soon()
    {
        if (comes_second()) wake();
    }

private:
    void continue_soon()
    {
        try {
            wake();
        } catch (...) { // no memory; Asio expects no exception here
            resume();
        }
    }
    bool comes_second() noexcept { return one_has_come_.exchange(true, std::memory_order_acq_rel); }

    std::atomic<bool> one_has_come_{false};
};

} // namespace keel::detail
