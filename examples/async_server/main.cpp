#include "http_server.hpp"
#include "price_service.hpp"

#include "common/command_line.hpp"
#include "common/duration.hpp"
#include "common/listen.hpp"
#include "common/url.hpp"

#include <keel/core/option_faults.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/system/error_code.hpp>

#include <array>
#include <csignal>
#include <exception>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace {

namespace asio = boost::asio;
using async_server::price_service;
using example::option;
using example::some_duration;

constexpr std::array options{
    example::port_option,
    example::address_option,
    option{"upstream", "URL", nullptr, "an http:// URL", "Where to ask for the price. Needed."},
    option{"timeout", "D", "2s", some_duration, "Time limit of a call, its attempts and pauses included."},
    option{"attempt-timeout", "D", "500ms", some_duration, "Time limit of one attempt."},
    option{"open-for", "D", "5s", some_duration, "How long the circuit stays open, when it opens first."},
    option{"concurrency", "N", "16", "a number from 1 to 1000", "How many attempts may be in flight."},
};

constexpr auto introduction = R"(usage: async_server --port N --upstream URL [options]

An HTTP server that asks another one, and stays useful when that one is not. Prints 'listening on
ADDRESS:PORT' when ready, and logs to stderr what the policies do.

  GET /price    what the upstream server answers; when that fails, the last good answer, with the header
                'Keel-Fallback: stale'; 503 when the call was refused, 504 when it took too long, 502 when
                the upstream server gave nothing of use
  GET /health   the states of the circuit breaker and the bulkhead, as one line of JSON

Durations D look like 250ms, 1.5s or 2min. SIGINT or SIGTERM stops it, dropping the requests in flight.

Options)";

example::url upstream_from(example::command_line const& given)
{
    if (!given.has("upstream")) throw example::usage_error("--upstream is missing (see --help)");
    try {
        return given.value("upstream",
                           [](std::string const& text) { return std::optional{example::parse_url(text)}; });
    } catch (example::bad_url const& e) {
        throw example::usage_error(std::string{"--upstream: bad URL: "} + e.what());
    }
}

async_server::settings settings_from(example::command_line const& given)
{
    async_server::settings s;
    s.upstream = upstream_from(given);
    s.timeout = given.value("timeout", example::parse_positive_duration);
    s.attempt_timeout = given.value("attempt-timeout", example::parse_positive_duration);
    s.open_for = given.value("open-for", example::parse_positive_duration);
    s.concurrency = given.value("concurrency", example::count_from_to{1, 1000});
    return s;
}

/// Serves until a signal comes or something fails.
void serve(example::command_line const& given)
{
    auto const service = std::make_shared<price_service>(settings_from(given));
    async_server::routes by_path{
        {"/price", [service] { return service->price(); }},
        {"/health", [service] { return service->health(); }},
    };

    asio::io_context io{1};
    asio::signal_set signals{io, SIGINT, SIGTERM};
    signals.async_wait([&io](boost::system::error_code, int) { io.stop(); });

    auto acceptor = example::listen(io, given);
    std::cout << "listening on " << acceptor.local_endpoint() << '\n' << std::flush;
    asio::co_spawn(io, async_server::serve(std::move(acceptor), std::move(by_path)),
                   [](std::exception_ptr problem) {
                       if (problem) std::rethrow_exception(problem);
                   });
    io.run();
}

void run(int argc, char** argv)
{
    example::command_line const given{argc, argv, options};
    if (given.has("help"))
        std::cout << example::help_text(introduction, options);
    else
        serve(given);
}

int complain(char const* what, int exit_code)
{
    std::cerr << "async_server: " << what << '\n';
    return exit_code;
}

} // namespace

int main(int argc, char** argv)
{
    try {
        run(argc, argv);
        return 0;
    } catch (example::usage_error const& e) {
        return complain(e.what(), 2);
    } catch (keel::invalid_options const& e) {
        return complain(e.what(), 2);
    } catch (std::exception const& e) {
        return complain(e.what(), 1);
    }
}
