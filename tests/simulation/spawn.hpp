#pragma once

#include <keel/co_spawn.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <utility>

namespace keel::simulated {

namespace asio = boost::asio;

/// A completion handler that brings its cancellation slot along. With `bind_cancellation_slot` Asio would
/// post a cancellation that is sent from outside the context behind whatever is ready; this way it arrives at
/// once.
template <class End>
class cancellable
{
public:
    using cancellation_slot_type = asio::cancellation_slot;

    cancellable(asio::cancellation_slot slot, End end) : slot_(slot), end_(std::move(end)) {}

    cancellation_slot_type get_cancellation_slot() const noexcept { return slot_; }
    void operator()(std::exception_ptr thrown) { end_(std::move(thrown)); }

private:
    asio::cancellation_slot slot_;
    End end_;
};

/// Starts a coroutine of its own, in no scope.
template <class End>
void spawn(asio::io_context& context, asio::awaitable<void> work, asio::cancellation_slot slot, End end)
{
    asio::co_spawn(context, std::move(work), cancellable<End>(slot, std::move(end)));
}

/// The same in a scope.
template <class End>
void spawn_in_scope(asio::io_context& context, asio::awaitable<void> work, asio::cancellation_slot slot,
                    End end, call_context about)
{
    keel::co_spawn(context, std::move(work), cancellable<End>(slot, std::move(end)), std::move(about));
}

} // namespace keel::simulated
