#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <utility>

namespace keel::simulated {

namespace asio = boost::asio;

/// Starts a call in a coroutine of its own. The one place where the proofs spawn: whoever wants to run every
/// scenario by another spawn function changes this line.
template <class End>
void spawn_call(asio::io_context& context, asio::awaitable<void> work, asio::cancellation_slot slot, End end)
{
    asio::co_spawn(context, std::move(work), asio::bind_cancellation_slot(slot, std::move(end)));
}

} // namespace keel::simulated
