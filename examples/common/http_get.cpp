#include "common/http_get.hpp"

#include "common/text.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffers_iterator.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace example {

http_error::http_error(boost::system::error_code code, std::string story)
    : system_error(code), story_(std::move(story))
{}

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::uint32_t header_limit = 16 * 1024;
constexpr std::uint64_t body_limit = 8 * 1024 * 1024;
constexpr std::size_t buffer_limit = 64 * 1024;
constexpr int most_interim_answers = 10;

/// Operations answer with a tuple that starts with the error, so that each error gets its story.
constexpr auto nothrow = asio::as_tuple(asio::use_awaitable);

using message = http::response<http::string_body>;

/// An error's message, as the middle of a sentence.
std::string phrase(error_code ec)
{
    auto text = ec.message();
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
    return text;
}

std::string story_of_lookup(error_code ec)
{
    auto const is_unknown = ec == asio::error::host_not_found || ec == asio::error::no_data;
    return is_unknown ? "unknown host" : "looking up the host failed: " + phrase(ec);
}

std::string story_of_reading(error_code ec)
{
    if (ec == http::error::end_of_stream) return "the connection was closed without an answer";
    if (ec == http::error::partial_message) return "the answer was cut short";
    if (ec == http::error::body_limit) return "the body is larger than 8 MiB";
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow)
        return "the header is larger than 16 KiB";
    auto const is_http = ec.category() == make_error_code(http::error::bad_status).category();
    return (is_http ? "malformed answer: " : "reading the answer failed: ") + phrase(ec);
}

std::optional<keel::duration> retry_after_of(message const& answer)
{
    constexpr std::uint64_t longest = 366 * 24 * 3600;

    auto const text = answer[http::field::retry_after];
    auto const seconds = parse_count({text.data(), text.size()}, longest);
    if (!seconds) return std::nullopt;
    return std::chrono::seconds{*seconds};
}

response essence(message answer)
{
    auto const content_type = answer[http::field::content_type];
    response made;
    made.status = answer.result_int();
    made.content_type = printable({content_type.data(), content_type.size()});
    made.retry_after = retry_after_of(answer);
    made.body = std::move(answer.body());
    return made;
}

/// One request and its answer. Lives in the frame of `http_get`.
class exchange
{
public:
    exchange(asio::any_io_executor executor, url where) : socket_(std::move(executor)), where_(std::move(where))
    {}

    asio::awaitable<void> connect();
    asio::awaitable<void> ask();
    asio::awaitable<response> answer();

private:
    using parser = http::response_parser<http::string_body>;

    asio::awaitable<std::vector<tcp::endpoint>> look_up();
    asio::awaitable<void> read_header(parser& into);

    void check(message const& header) const;
    bool is_interim(...)
    [[noreturn]] void fail(error_code ec, std::string const& story) const
    {
        throw http_error(ec, story + " (" + where_.where() + ')');
    }

    tcp::socket socket_;
    url where_;
    beast::flat_buffer buffer_{buffer_limit};
};
