#pragma once

#include "common/command_line.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

namespace example {

/// The options `--port` and `--address`, for a program's table.
inline constexpr option port_option{"port", "N", "0", "a number from 0 to 65535",
                                    "Port to listen on; 0 takes any free one."};
inline constexpr option address_option{"address", "IP", "127.0.0.1", "an IPv4 or IPv6 address",
                                       "Address to listen on."};

/// An acceptor that listens where these two options say.
/// \throws usage_error; std::runtime_error, whose `what()` is one line, when it cannot listen there
boost::asio::ip::tcp::acceptor listen(boost::asio::io_context& io, command_line const& given);

} // namespace example
