#include "server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

namespace flaky {

namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t header_limit = 8 * 1024;
constexpr std::size_t body_limit = 1024 * 1024;
constexpr std::size_t buffer_limit = 16 * 1024;

/// Operations answer with a tuple that starts with the error. Nothing throws across a `co_await`.
constexpr auto nothrow = asio::as_tuple(asio::use_awaitable);

using response = http::response<http::string_body>;

/// As much of a request as an answer depends on.
struct request
{
    http::verb method = http::verb::get;
    std::string path{};
    unsigned version = 11;
    bool keep_alive = false;
};

request essence(http::request<http::string_body> const& full)
{
    auto const target = full.target();
    return {full.method(), std::string(target.substr(0, target.find('?'))), full.version(),
            full.keep_alive()};
}

response make_response(request const& asked, unsigned status)
{
    response made;
    made.version(asked.version);
    made.result(status);
    made.set(http::field::server, "flaky_server");
    made.set(http::field::content_type, "text/plain");
    made.keep_alive(asked.keep_alive);
    return made;
}

std::string to_json(counts const& c)
{
    std::ostringstream out;
    out << "{\"requests\":" << c.requests << ",\"answered_2xx\":" << c.answered_2xx
        << ",\"answered_5xx\":" << c.answered_5xx << ",\"hung\":" << c.hung << ",\"reset\":" << c.reset
        << ",\"during_outage\":" << c.during_outage << ",\"in_flight\":" << c.in_flight
        << ",\"max_in_flight\":" << c.max_in_flight << "}\n";
    return out.str();
}

response wrong_method(request const& asked, char const* allowed)
{
    auto made = make_response(asked, 405);
    made.set(http::field::allow, allowed);
    return made;
}

/// The answer to a control request; nothing when `asked` is up to the script.
std::optional<response> answer_control(stage& shared, request const& asked)
{
    if (asked.path == "/_stats") {
        if (asked.method != http::verb::get) return wrong_method(asked, "GET");
        auto made = make_response(asked, 200);
        made.set(http::field::content_type, "application/json");
        made.body() = to_json(*shared.tally);
        return made;
    }
    if (asked.path == "/_reset") {
        if (asked.method != http::verb::post) return wrong_method(asked, "POST");
        shared.restart();
        return make_response(asked, 200);
    }
    return std::nullopt;
}

bool forbids_body(unsigned status) { return status == 204 || status == 304; }

response answer_scripted(request const& asked, unsigned status, std::size_t body_bytes)
{
    auto made = make_response(asked, status);
    if (!forbids_body(status)) made.body().assign(body_bytes, 'x');
    return made;
}

/// An answer as it goes over the wire; as text, because a reset sends only a part of it.
struct wire_text
{
    std::string all;
    std::size_t half; ///< Header and half of the body, and never a complete answer.
};

wire_text to_wire(response made, http::verb asked_with)
{
    if (!forbids_body(made.result_int())) made.prepare_payload(); // which would add a Content-Length
    std::ostringstream header;
    header << made.base();

    auto all = std::move(header).str();
    auto const body = asked_with == http::verb::head ? std::string{} : std::move(made.body());
    auto const missing = std::max<std::size_t>(1, (body.size() + 1) / 2);
    all += body;
    auto const half = all.size() - missing;
    return {std::move(all), half};
}

/// The status for a request that cannot be understood; nothing when there is nobody to tell.
std::optional<unsigned> refusal_of(error_code ec)
{
    if (ec.category() != make_error_code(http::error::bad_method).category()) return std::nullopt;
    if (ec == http::error::end_of_stream || ec == http::error::partial_message) return std::nullopt;
    if (ec == http::error::header_limit || ec == http::error::buffer_overflow) return 431;
    if (ec == http::error::body_limit) return 413;
    return 400;
}

/// Counts one request, in flight as long as this lives.
class counted_request
{
public:
    counted_request(std::shared_ptr<counts> tally, verdict const& fate) : tally_(std::move(tally))
    {
        ++tally_->requests;
        if (fate.in_outage) ++tally_->during_outage;
        if (fate.what == verdict::kind::hang) ++tally_->hung;
        ++tally_->in_flight;
        tally_->max_in_flight = std::max(tally_->max_in_flight, tally_->in_flight);
    }

    counted_request(counted_request const&) = delete;
    counted_request& operator=(counted_request const&) = delete;
    ~counted_request() { --tally_->in_flight; }

    void reset() { ++tally_->reset; }

    void answered(unsigned status)
    {
        if (status / 100 == 2) ++tally_->answered_2xx;
        if (status / 100 == 5) ++tally_->answered_5xx;
    }

private:
    std::shared_ptr<counts> tally_;
};

} // namespace

void stage::restart()
{
    plan.restart();
    tally = std::make_shared<counts>();
}

/// One connection. It stays in the server's list until `converse` has ended.
class session
{
public:
    session(tcp::socket client, stage& shared) : socket_(std::move(client)), stage_(shared) {}

    /// Answers request after request until either side has had enough.
    asio::awaitable<void> converse();

    /// Ends whatever `converse` waits for, and thereby `converse`.
    void hang_up();

private:
    enum class event
    {
        time,
        data,
        end
    };

    // Each tells whether the conversation goes on.
    asio::awaitable<bool> exchange();
    asio::awaitable<bool> perform(request asked);
    asio::awaitable<bool> send(response made, http::verb asked_with);
    asio::awaitable<bool> wait_until(time_point at);

    asio::awaitable<void> send_half(response made, http::verb asked_with);
    asio::awaitable<void> refuse(unsigned status);
    asio::awaitable<event> next_event(time_point alarm);

    tcp::socket socket_;
    stage& stage_;
    beast::flat_buffer buffer_{buffer_limit};
};

asio::awaitable<void> session::converse()
{
    error_code ignored;
    socket_.set_option(tcp::no_delay{true}, ignored);

    for (bool more = true; more;) more = co_await exchange();
}

void session::hang_up()
{
    error_code ignored;
    socket_.close(ignored);
}

asio::awaitable<bool> session::exchange()
{
    http::request_parser<http::string_body> parser;
    parser.header_limit(header_limit);
    parser.body_limit(body_limit);

    auto const [ec, size] = co_await http::async_read(socket_, buffer_, parser, nothrow);
    if (ec) {
        if (auto const status = refusal_of(ec)) co_await refuse(*status);
        co_return false;
    }

    auto const asked = essence(parser.get());
    auto control = answer_control(stage_, asked);
    if (!control) co_return co_await perform(asked);

    auto const sent = co_await send(std::move(*control), asked.method);
    if (!sent) co_return false;
    co_return asked.keep_alive;
}

asio::awaitable<bool> session::perform(request asked)
{
    auto const fate = stage_.plan.next(clock::now());
    counted_request counted{stage_.tally, fate};

    auto const client_is_there = co_await wait_until(fate.at);
    if (!client_is_there) co_return false;

    auto made = answer_scripted(asked, fate.status, stage_.body_bytes);
    if (fate.what == verdict::kind::reset) {
        co_await send_half(std::move(made), asked.method);
        counted.reset();
        co_return false;
    }

    auto const sent = co_await send(std::move(made), asked.method);
    if (!sent) co_return false;
    counted.answered(fate.status);
    co_return asked.keep_alive;
}

asio::awaitable<bool> session::send(response made, http::verb asked_with)
{
    auto const text = to_wire(std::move(made), asked_with);
    auto const all = asio::buffer(text.all);
    auto const [ec, size] = co_await asio::async_write(socket_, all, nothrow);
    co_return !ec;
}

asio::awaitable<void> session::send_half(response made, http::verb asked_with)
{
    auto const text = to_wire(std::move(made), asked_with);
    auto const half = asio::buffer(text.all, text.half);
    co_await asio::async_write(socket_, half, nothrow);

    // It takes an explicit close to send the RST: Asio's destructor would undo the option.
    error_code ignored;
    socket_.set_option(tcp::socket::linger{true, 0}, ignored);
    socket_.close(ignored);
}

/// Closes in such a way that the answer arrives: closing on unread input would make it a reset.
asio::awaitable<void> session::refuse(unsigned status)
{
    // A statement of its own: GCC 12 corrupts aggregates made within a `co_await` expression.
    auto made = make_response(request{}, status);
    auto const sent = co_await send(std::move(made), http::verb::get);
    if (!sent) co_return;

    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
    auto const patience = clock::now() + std::chrono::seconds{1};
    for (auto heard = event::data; heard == event::data;) {
        buffer_.clear();
        heard = co_await next_event(patience);
    }
}

/// True once `at` has come, false as soon as the client has left or the server stops.
asio::awaitable<bool> session::wait_until(time_point at)
{
    while (clock::now() < at) {
        // Requests sent ahead pile up here, and no one takes them away. Without room for more, a leaving
        // client would go unnoticed: such a client is dropped.
        if (buffer_.size() == buffer_.max_size()) co_return false;

        auto const heard = co_await next_event(at);
        if (heard == event::end) co_return false;
    }
    co_return true;
}

/// What comes first: the alarm, data (now in the buffer, which must have room), or the connection's end.
asio::awaitable<session::event> session::next_event(time_point alarm)
{
    if (clock::now() >= alarm) co_return event::time; // or a client that never stops sending would keep us

    // The alarm cancels the read and nothing else: its handler may come late, when `this` is long gone.
    auto const reading = std::make_shared<bool>(true);
    asio::steady_timer timer{socket_.get_executor(), alarm};
    timer.async_wait([this, reading](error_code) {
        error_code ignored;
        if (*reading) socket_.cancel(ignored);
    });

    auto const room = std::min<std::size_t>(4096, buffer_.max_size() - buffer_.size());
    auto const space = buffer_.prepare(room);
    auto const [ec, size] = co_await socket_.async_read_some(space, nothrow);
    *reading = false;
    buffer_.commit(size);

    if (!ec) co_return event::data;
    auto const hung_up = !socket_.is_open(); // which cancels reads, too
    co_return ec == asio::error::operation_aborted && !hung_up ? event::time : event::end;
}

server::server(tcp::acceptor acceptor, settings wanted)
    : acceptor_(std::move(acceptor)),
      stage_(std::move(wanted))
{
    auto const or_throw = [](std::exception_ptr problem) {
        if (problem) std::rethrow_exception(problem);
    };
    asio::co_spawn(acceptor_.get_executor(), accept_clients(), or_throw);
}

server::~server() = default;

void server::stop()
{
    error_code ignored;
    acceptor_.close(ignored);
    for (auto& each : sessions_) each.hang_up();
}

asio::awaitable<void> server::accept_clients()
{
    for (;;) {
        auto [ec, client] = co_await acceptor_.async_accept(nothrow);
        if (!acceptor_.is_open()) co_return;
        if (!ec) {
            welcome(std::move(client));
            continue;
        }
        // Most likely out of descriptors: without a pause this would spin until one is given back.
        asio::steady_timer pause{acceptor_.get_executor(), std::chrono::milliseconds{50}};
        co_await pause.async_wait(nothrow);
    }
}

void server::welcome(tcp::socket client)
{
    auto const place = sessions_.emplace(sessions_.end(), std::move(client), stage_);
    // A session that fails, say for lack of memory, takes only its own client down.
    auto const forget = [this, place](std::exception_ptr) { sessions_.erase(place); };
    asio::co_spawn(acceptor_.get_executor(), place->converse(), forget);
}

} // namespace flaky
