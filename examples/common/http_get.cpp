#include "common/http_get.hpp"

#include "common/text.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
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

std::string_view to_std(beast::string_view text) { return {text.data(), text.size()}; }

/// An error's message as a part of a sentence.
std::string phrase(error_code ec)
{
    auto text = ec.message();
    if (text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] - 'A' + 'a');
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
    constexpr std::uint64_t a_year = 366 * 24 * 3600;

    auto const seconds = parse_count(to_std(answer[http::field::retry_after]), a_year);
    if (!seconds) return std::nullopt;
    return std::chrono::seconds{*seconds};
}

response essence(message answer)
{
    response made;
    made.status = answer.result_int();
    made.content_type = printable(to_std(answer[http::field::content_type]));
    made.retry_after = retry_after_of(answer);
    made.body = std::move(answer.body());
    return made;
}

/// One request and its answer, step by step.
class exchange
{
public:
    exchange(asio::any_io_executor const& executor, url where) : where_(std::move(where)), socket_(executor)
    {}

    asio::awaitable<void> connect();
    asio::awaitable<void> ask();
    asio::awaitable<response> answer();

private:
    asio::awaitable<std::vector<tcp::endpoint>> look_up();
    void check(message const& header) const;

    [[noreturn]] void fail(error_code ec, std::string const& story) const
    {
        throw http_error(ec, story + " (" + where_.where() + ')');
    }
    [[noreturn]] void fail_in_header(error_code ec) const;

    url where_;
    tcp::socket socket_;
    beast::flat_buffer buffer_{buffer_limit};
};

asio::awaitable<std::vector<tcp::endpoint>> exchange::look_up()
{
    std::vector<tcp::endpoint> found;
    error_code is_name;
    auto const address = asio::ip::make_address(where_.host, is_name);
    if (!is_name) {
        found.emplace_back(address, where_.port);
        co_return found;
    }

    tcp::resolver resolver{socket_.get_executor()};
    auto const port = std::to_string(where_.port);
    auto const [ec, entries] =
        co_await resolver.async_resolve(where_.host, port, tcp::resolver::numeric_service, nothrow);
    if (ec) fail(ec, story_of_lookup(ec));
    for (auto const& entry : entries) found.push_back(entry.endpoint());
    co_return found;
}

asio::awaitable<void> exchange::connect()
{
    auto const candidates = co_await look_up();
    auto const [ec, chosen] = co_await asio::async_connect(socket_, candidates, nothrow);
    if (ec) fail(ec, phrase(ec));
}

asio::awaitable<void> exchange::ask()
{
    http::request<http::empty_body> request{http::verb::get, where_.target, 11};
    request.set(http::field::host, where_.host_header());
    request.set(http::field::user_agent, "keel-example");
    request.set(http::field::accept, "*/*");
    request.set(http::field::connection, "close");

    auto const [ec, size] = co_await http::async_write(socket_, request, nothrow);
    if (ec) fail(ec, "sending the request failed: " + phrase(ec));
}

asio::awaitable<response> exchange::answer()
{
    for (auto interim = 0; interim <= most_interim_answers; ++interim) {
        http::response_parser<http::string_body> parser;
        parser.header_limit(header_limit);
        parser.body_limit(body_limit);

        auto const [header_ec, header_size] =
            co_await http::async_read_header(socket_, buffer_, parser, nothrow);
        if (header_ec) fail_in_header(header_ec);
        check(parser.get());
        if (parser.get().result_int() < 200) continue; // such as 103 Early Hints; the answer is yet to come

        auto const [ec, size] = co_await http::async_read(socket_, buffer_, parser, nothrow);
        if (ec) fail(ec, story_of_reading(ec));
        co_return essence(parser.release());
    }
    fail(http::error::bad_status, "malformed answer: one interim answer after the other");
}

/// Finds fault with what Beast lets pass.
void exchange::check(message const& header) const
{
    auto const status = header.result_int();
    auto const known = status >= 100 && status <= 599;
    auto const asked_for = status != 101; // we never ask for another protocol
    if (!known || !asked_for)
        fail(http::error::bad_status, "malformed answer: found status " + std::to_string(status));

    // Beast would hand us the body still encoded.
    auto const [first, last] = header.equal_range(http::field::transfer_encoding);
    for (auto each = first; each != last; ++each)
        if (!beast::iequals(each->value(), "chunked"))
            fail(http::error::bad_transfer_encoding, "malformed answer: found Transfer-Encoding '" +
                                                         printable(to_std(each->value()), 40) +
                                                         "', expected 'chunked'");
}

void exchange::fail_in_header(error_code ec) const
{
    auto story = story_of_reading(ec);
    auto const rest = buffer_.cdata();
    std::string_view found{static_cast<char const*>(rest.data()), rest.size()};
    found = found.substr(0, found.find_first_of("\r\n"));
    auto const is_malformed = story.starts_with("malformed");
    if (is_malformed && !found.empty()) story += ", found '" + printable(found, 40) + '\'';
    fail(ec, story);
}

} // namespace

http_error::http_error(error_code code, std::string story) : system_error(code), story_(std::move(story)) {}

asio::awaitable<response> http_get(url where)
{
    auto const executor = co_await asio::this_coro::executor;
    exchange with_server{executor, std::move(where)};
    co_await with_server.connect();
    co_await with_server.ask();
    auto answer = co_await with_server.answer();
    co_return answer;
}

keel::judgement judge(response const& answer)
{
    if (answer.status == 429 || answer.status == 503) return {keel::verdict::throttled, answer.retry_after};
    if (answer.status >= 500) return keel::verdict::failure;
    if (answer.status >= 400) return keel::verdict::ignored;
    return keel::verdict::success;
}

} // namespace example
