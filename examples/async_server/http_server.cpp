#include "http_server.hpp"

#include <keel/async/sleep.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

namespace async_server {

namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;
namespace beast = boost::beast;

constexpr std::uint32_t header_limit = 8 * 1024;
constexpr std::uint64_t body_limit = 64 * 1024; // of a body that nobody reads
constexpr std::size_t buffer_limit = 16 * 1024;
constexpr auto patience = 30s; // with a client that sends nothing, or takes nothing

constexpr auto nothrow = asio::as_tuple(asio::use_awaitable);

using request = http::request<http::string_body>;
using shared_routes = std::shared_ptr<routes const>;

asio::awaitable<reply> answer(request asked, shared_routes by_path)
{
    std::string_view const target{asked.target().data(), asked.target().size()};
    auto const found = by_path->find(target.substr(0, target.find('?')));
    auto made = text_reply(http::status::not_found, "no such page\n");
    if (found != by_path->end() && asked.method() == http::verb::get) {
        made = co_await found->second();
    } else if (found != by_path->end()) {
        made = text_reply(http::status::method_not_allowed, "only GET\n");
        made.set(http::field::allow, "GET");
    }
    made.version(asked.version());
    made.keep_alive(asked.keep_alive());
    made.prepare_payload();
    co_return made;
}

/// Answers request after request until either side has had enough.
asio::awaitable<void> serve_client(tcp::socket socket, shared_routes by_path)
{
    beast::tcp_stream client{std::move(socket)};
    beast::flat_buffer buffer{buffer_limit};
    for (;;) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(header_limit);
        parser.body_limit(body_limit);

        client.expires_after(patience);
        auto const [read_ec, read] = co_await http::async_read(client, buffer, parser, nothrow);
        if (read_ec) co_return; // gone, silent or not speaking HTTP

        client.expires_never(); // the pipelines have their own time limits
        auto asked = parser.release();
        auto const made = co_await answer(std::move(asked), by_path);

        client.expires_after(patience);
        auto const [write_ec, written] = co_await http::async_write(client, made, nothrow);
        if (write_ec || !made.keep_alive()) co_return;
    }
}

} // namespace

reply text_reply(http::status status, std::string text, std::string const& content_type)
{
    reply made{status, 11};
    made.set(http::field::content_type, content_type);
    made.body() = std::move(text);
    return made;
}

asio::awaitable<void> serve(tcp::acceptor acceptor, routes by_path)
{
    auto const shared = std::make_shared<routes const>(std::move(by_path));
    for (;;) {
        auto [ec, client] = co_await acceptor.async_accept(nothrow);
        if (!ec)
            asio::co_spawn(acceptor.get_executor(), serve_client(std::move(client), shared), asio::detached);
        else
            co_await keel::sleep_for(50ms); // most likely out of descriptors, until some client leaves
    }
}

} // namespace async_server
