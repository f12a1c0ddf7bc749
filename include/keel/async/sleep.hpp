#pragma once

#include <keel/async/time_source.hpp>
#include <keel/core/time.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <cstdint>

namespace keel {

/// Suspends the calling coroutine until the time source of its context says `at`, or a little later; never
/// earlier. At `time_point::max()` it ends only by cancellation. Under a virtual time source it takes no real
/// time. The coroutine's executor need not be serial, unless the coroutine may be cancelled.
/// \throws boost::system::system_error with `operation_aborted` when cancelled (terminal, partial or total)
asio::awaitable<void> sleep_until(time_point at);

/// `sleep_until` this much later than now. Zero or less still suspends once. \throws as `sleep_until`
asio::awaitable<void> sleep_for(duration d);

/// What the time source of the executor's context says.
time_point now(asio::any_io_executor const&);

/// Makes every random choice of Keel in this context (jitter) follow from `value`: the same seed and the same
/// events give the same run. Without it, the seed is random.
void seed(asio::execution_context&, std::uint64_t value);

} // namespace keel
