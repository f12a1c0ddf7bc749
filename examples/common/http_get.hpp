#pragma once

#include "common/url.hpp"

#include <keel/core/failure.hpp>
#include <keel/core/time.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <optional>
#include <string>

namespace example {

/// The server's answer, as much of it as the examples need.
struct response
{
    unsigned status = 0; ///< 200 to 599.
    std::string content_type{};
    std::optional<keel::duration> retry_after{}; ///< Only if the server named it in seconds, not as a date.
    std::string body{};
};

/// There is no answer, or none that can be understood.
class http_error : public boost::system::system_error
{
public:
    http_error(boost::system::error_code code, std::string story);

    /// One line: what was found, and at which host and port.
    char const* what() const noexcept override { return story_.c_str(); }

private:
    std::string story_;
};

/// `GET where` over a connection of its own, which is closed afterwards. Redirections are not followed.
///
/// Stops at once when cancelled, except while the system looks up the name of the host: that cannot be
/// interrupted. But it owns all that it uses, so that a timeout may abandon it meanwhile.
/// \throws http_error
boost::asio::awaitable<response> http_get(url where);

/// What an answer says about the server: that it is failing (5xx), or has too much to do (429, 503). Other
/// 4xx say something about the caller only.
keel::judgement judge(response const& answer);

} // namespace example
