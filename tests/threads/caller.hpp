#pragma once

#include "shared.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>

namespace keel::threads {

/// Makes so many calls, some at once, on this executor, which must be serial.
void start_caller(asio::any_io_executor const&, shared&, std::uint64_t calls, std::uint64_t seed);

} // namespace keel::threads
