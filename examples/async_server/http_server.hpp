#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <functional>
#include <map>
#include <string>

namespace async_server {

namespace asio = boost::asio;
namespace http = boost::beast::http;

using reply = http::response<http::string_body>;

/// What answers `GET` requests, by path.
using routes = std::map<std::string, std::function<asio::awaitable<reply>()>, std::less<>>;

/// A reply with a text.
reply text_reply(http::status status, std::string text, std::string const& content_type = "text/plain");

/// Serves clients for as long as the context runs.
asio::awaitable<void> serve(asio::ip::tcp::acceptor acceptor, routes by_path);

} // namespace async_server
