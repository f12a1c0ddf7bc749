#include "common/listen.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

namespace example {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

std::optional<asio::ip::address> parse_address(std::string const& text)
{
    boost::system::error_code ec;
    auto const address = asio::ip::make_address(text, ec);
    return ec ? std::nullopt : std::optional{address};
}

tcp::endpoint endpoint_from(command_line const& given)
{
    auto const address = given.value("address", parse_address);
    auto const port = given.value("port", count_from_to{0, std::numeric_limits<std::uint16_t>::max()});
    return {address, static_cast<std::uint16_t>(port)};
}

} // namespace

tcp::acceptor listen(asio::io_context& io, command_line const& given)
{
    auto const where = endpoint_from(given);
    try {
        return {io, where};
    } catch (boost::system::system_error const& e) {
        std::ostringstream line;
        line << "cannot listen on " << where << ": " << e.code().message();
        throw std::runtime_error(line.str());
    }
}

} // namespace example
