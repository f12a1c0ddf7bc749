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
#include <memory>
#include <string_view>
#include <utility>

namespace async_server {

namespace {

using namespace std::chrono_literals;
namespace beast = boost::beast;
using boost::system::error_code;
using shared_routes = std::shared_ptr<routes const>;

constexpr std::size_t header_limit = 8 * 1024;
constexpr std::size_t body_limit = 64 * 1024; // of bodies that nobody wants
constexpr std::size_t buffer_limit = 16 * 1024;
constexpr auto patience = 30s; // for a client to send a request, or to take an answer

constexpr auto nothrow = asio::as_tuple(asio::use_awaitable);

using request = http::request<http::string_body>;

asio::awaitable<reply> answer(shared_routes by_path, request asked)
{
    std::string_view const target{asked.target().data(), asked.target().size()};
    auto const found = by_path->find(target.substr(0, target.find('?')));
    if (found == by_path->end()) co_return text_reply(http::status::not_found, "no such page\n");
    if (asked.method() == http::verb::get) co_return co_await found->second();

    auto refusal = text_reply(http::status::method_not_allowed, "only GET\n");
    refusal.set(http::field::allow, "GET");
    co_return refusal;
}

} // namespace
} // namespace async_server
