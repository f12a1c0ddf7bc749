#pragma once

#include "book.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>

namespace keel::simulated {

/// Starts a call whose record is open: what happens then is noted there.
/// \param after how long the caller waits before it makes the call
void start_call(asio::io_context&, book&, std::uint32_t call, duration after);

} // namespace keel::simulated
