#include "script.hpp"
#include "server.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/program_options.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <limits>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace {

namespace asio = boost::asio;
namespace po = boost::program_options;
using boost::system::error_code;

struct usage_error : std::runtime_error
{
    using std::runtime_error::runtime_error;
};

struct option
{
    char const* name;
    char const* value;
    char const* fallback; ///< Null when leaving the option out means something no value says.
    char const* allowed;
    char const* help;
};

constexpr auto any_duration = "a duration such as 250ms, 1.5s or 2min (us, ms, s, min, h), at most 24h";
constexpr auto some_duration =
    "a duration above zero such as 250ms, 1.5s or 2min (us, ms, s, min, h), at most 24h";
constexpr auto any_count = "a number from 0 to 1000000000";
constexpr std::uint64_t highest_count = 1'000'000'000;

constexpr std::array options{
    option{"port", "N", "0", "a number from 0 to 65535", "Port to listen on; 0 takes any free one."},
    option{"address", "IP", "127.0.0.1", "an IPv4 or IPv6 address", "Address to listen on."},
    option{"status", "LIST", "200",
           "1 to 1000 statuses from 200 to 599 with commas between them, as in 200,200,503",
           "Statuses of successive requests, over and over. A request that meets another fault uses up its "
           "turn all the same."},
    option{"delay", "D", "0s", any_duration, "Every answer comes this much later."},
    option{"hang-every", "N", "0", any_count,
           "Every N-th request is never answered, and takes no worker; 0: none."},
    option{
        "reset-every", "N", "0", any_count,
        "Every N-th request gets the header and half of the body, then a connection reset, unless it hangs; "
        "0: none."},
    option{"capacity", "N", "0", "a number from 0 to 1000000",
           "So many workers; when all are busy, requests wait in order of arrival. A worker finishes what it "
           "began even if the client has left. 0: no limit."},
    option{"service-time", "D", "0s", any_duration, "How long a request takes a worker."},
    option{"outage", "START+LENGTH", nullptr,
           "START+LENGTH such as 2s+4s: two durations, the second above zero",
           "An outage, counted from the first request. Requests that arrive in it meet --outage-mode and "
           "none of the faults above."},
    option{"outage-mode", "MODE", "status", "status, hang, reset or slow",
           "status: 503 at once; hang: no answer; reset: half an answer at once; slow: 503 after taking a "
           "worker for --outage-delay."},
    option{"outage-delay", "D", "1s", any_duration, "See --outage-mode slow."},
    option{"body-bytes", "N", "64", "a number from 0 to 16777216", "Size of the body of an answer."},
    option{"for", "D", nullptr, some_duration, "Stop after this time; without it, at SIGINT or SIGTERM."},
};

constexpr auto introduction = R"(usage: flaky_server [options]

An HTTP/1.1 server whose faults follow a script. Prints 'listening on ADDRESS:PORT' when ready.

  GET  /_stats   what has happened so far, as one line of JSON
  POST /_reset   forgets it and starts the script anew: the next request is the first again

All other requests follow the script. Durations D look like 250ms, 1.5s or 2min.

For instance, two workers who take 100ms a request, and an outage from second 2 to second 6:

  flaky_server --port 8080 --capacity 2 --service-time 100ms --outage 2s+4s --outage-mode slow

Options)";

po::options_description describe_options()
{
    constexpr unsigned line_length = 100;
    constexpr unsigned shortest_text = 68;
    po::options_description all{introduction, line_length, shortest_text};
    auto add = all.add_options();
    add("help", "Print this and stop.");
    for (auto const& each : options) {
        auto* const value = po::value<std::string>()->value_name(each.value);
        if (each.fallback) value->default_value(each.fallback);
        add(each.name, value, each.help);
    }
    return all;
}

/// What the user typed, fit for a one-line message.
std::string printable(std::string_view text)
{
    constexpr std::size_t longest = 200;
    std::string line{text.substr(0, longest)};
    std::ranges::replace_if(line, [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
    return text.size() > longest ? line + "..." : line;
}

po::variables_map read_command_line(int argc, char** argv, po::options_description const& known)
{
    // Only --name=value and --name value: abbreviations could change their meaning with the next option
    // added, and with short options "-1" would not be taken for a value.
    constexpr auto style = po::command_line_style::allow_long | po::command_line_style::long_allow_adjacent |
                           po::command_line_style::long_allow_next;
    try {
        po::variables_map given;
        po::positional_options_description const nothing_else;
        auto parser = po::command_line_parser(argc, argv);
        po::store(parser.options(known).positional(nothing_else).style(style).run(), given);
        return given;
    } catch (po::error const& problem) {
        throw usage_error(printable(problem.what()) + " (see --help)");
    }
}

/// The value of an option that was given or has a default.
template <typename Parse>
auto value_of(po::variables_map const& given, std::string_view name, Parse parse)
{
    auto const& text = given[std::string{name}].as<std::string>();
    auto const value = parse(text);
    if (value) return *value;

    auto const* const known = std::ranges::find(options, name, &option::name);
    throw usage_error("--" + std::string{name} + ": found '" + printable(text) + "', expected " +
                      known->allowed);
}

auto up_to(std::uint64_t most)
{
    return [most](std::string_view text) { return flaky::parse_count(text, most); };
}

std::optional<asio::ip::address> parse_address(std::string const& text)
{
    error_code ec;
    auto const address = asio::ip::make_address(text, ec);
    return ec ? std::nullopt : std::optional{address};
}

flaky::tcp::endpoint endpoint_from(po::variables_map const& given)
{
    auto const address = value_of(given, "address", parse_address);
    auto const port = value_of(given, "port", up_to(std::numeric_limits<std::uint16_t>::max()));
    return {address, static_cast<std::uint16_t>(port)};
}

flaky::settings settings_from(po::variables_map const& given)
{
    flaky::settings s;
    s.statuses = value_of(given, "status", flaky::parse_statuses);
    s.delay = value_of(given, "delay", flaky::parse_duration);
    s.hang_every = value_of(given, "hang-every", up_to(highest_count));
    s.reset_every = value_of(given, "reset-every", up_to(highest_count));
    s.capacity = value_of(given, "capacity", up_to(1'000'000));
    s.service_time = value_of(given, "service-time", flaky::parse_duration);
    if (given.count("outage")) s.outage = value_of(given, "outage", flaky::parse_outage);
    s.mode = value_of(given, "outage-mode", flaky::parse_outage_mode);
    s.outage_delay = value_of(given, "outage-delay", flaky::parse_duration);
    s.body_bytes = value_of(given, "body-bytes", up_to(16 * 1024 * 1024));
    return s;
}

void listen(flaky::server& server, flaky::tcp::endpoint const& where)
{
    try {
        server.listen(where);
    } catch (boost::system::system_error const& e) {
        std::ostringstream line;
        line << "cannot listen on " << where << ": " << e.code().message();
        throw std::runtime_error(line.str());
    }
}

/// Serves until the time is up, a signal comes or something fails.
void serve(flaky::tcp::endpoint where, flaky::settings wanted, std::optional<flaky::duration> lifetime)
{
    asio::io_context io{1};
    flaky::server server{io, std::move(wanted)};
    listen(server, where);
    asio::signal_set signals{io, SIGINT, SIGTERM};
    asio::steady_timer end{io};

    auto const stop = [&](error_code ec, int = 0) {
        if (ec) return;
        server.stop();
        signals.cancel();
        end.cancel();
    };
    signals.async_wait(stop);
    if (lifetime) {
        end.expires_after(*lifetime);
        end.async_wait(stop);
    }

    std::cout << "listening on " << server.endpoint() << std::endl;
    io.run();
}

void run(int argc, char** argv)
{
    auto const known = describe_options();
    auto const given = read_command_line(argc, argv, known);
    if (given.count("help")) {
        std::cout << known;
        return;
    }

    auto const where = endpoint_from(given);
    auto wanted = settings_from(given);
    std::optional<flaky::duration> lifetime;
    if (given.count("for")) lifetime = value_of(given, "for", flaky::parse_positive_duration);
    serve(where, std::move(wanted), lifetime);
}

int complain(char const* what, int exit_code)
{
    std::cerr << "flaky_server: " << what << '\n';
    return exit_code;
}

} // namespace

int main(int argc, char** argv)
{
    try {
        run(argc, argv);
        return 0;
    } catch (usage_error const& e) {
        return complain(e.what(), 2);
    } catch (std::exception const& e) {
        return complain(e.what(), 1);
    }
}
