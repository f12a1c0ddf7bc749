#pragma once

#include <keel/async/call_context.hpp>

#include <boost/asio/awaitable.hpp>

namespace keel {

/// What the call that is running knows of itself: `auto const call = co_await keel::this_call();`.
///
/// For coroutines started by `keel::co_spawn`, and for operations that a pipeline with a timeout runs;
/// elsewhere it tells the defaults of `call_context`. Does not suspend. Throws `operation_aborted` when the
/// coroutine has been cancelled, as everything does that is awaited then. (Not an object to be awaited
/// itself: Asio awaits no lvalues.)
boost::asio::awaitable<call_context> this_call();

} // namespace keel
