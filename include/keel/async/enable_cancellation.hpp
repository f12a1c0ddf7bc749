#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>

namespace keel {

/// Which cancellations the coroutine that awaits this lets through from now on; at first, as with Asio,
/// `terminal` only. One that has come already is forgotten.
///
/// What `asio::this_coro::reset_cancellation_state` does, but the coroutine stays in its scope: where that
/// installs a filter, the pipelines of the coroutine can no longer cut operations short in place, and spawn
/// them as they do outside of a scope.
///
/// `none`: nothing is let through, also no limit; operations run to their end. Does not suspend.
/// \throws boost::system::system_error `operation_aborted` if the coroutine has been cancelled and throws then,
///         as everything does that it awaits
boost::asio::awaitable<void> enable_cancellation(boost::asio::cancellation_type types);

} // namespace keel
