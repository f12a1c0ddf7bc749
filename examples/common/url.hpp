#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace example {

/// Where to send a request: `http://HOST[:PORT][/PATH][?QUERY][#FRAGMENT]`.
struct url
{
    std::string text{}; ///< As it was written.
    std::string host{}; ///< A name or an address; without brackets if it is an IPv6 address.
    std::uint16_t port = 80;
    std::string target =
        "/"; ///< What to ask the server for. Ends before the fragment, which no server is told.

    /// `host:port`, in brackets where needed: for messages.
    std::string where() const;

    /// The same for the `Host` header, where the usual port is left out.
    std::string host_header() const;
};

/// Text that is no URL we can use. `what()` is one line that says what was found, and where; it never repeats
/// more of the URL than that, which may hold a password.
struct bad_url : std::invalid_argument
{
    using std::invalid_argument::invalid_argument;
};

/// Strict, because what it takes ends up in the header of a request: no blanks, no control bytes (a line end
/// would forge header lines), nothing but ASCII, no user name or password.
/// \throws bad_url
url parse_url(std::string_view text);

} // namespace example
