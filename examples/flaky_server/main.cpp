#include "script.hpp"
#include "server.hpp"

#include "common/command_line.hpp"
#include "common/duration.hpp"
#include "common/listen.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <csignal>
#include <cstdint>
#include <exception>
#include <iostream>
#include <optional>
#include <utility>

namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using example::any_duration;
using example::count_from_to;
using example::option;

constexpr auto any_count = "a number from 0 to 1000000000";
constexpr std::uint64_t highest_count = 1'000'000'000;

constexpr std::array options{
    example::port_option,
    example::address_option,
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
    option{"for", "D", nullptr, example::some_duration,
           "Stop after this time; without it, at SIGINT or SIGTERM."},
};

constexpr auto introduction = R"(usage: flaky_server [options]

An HTTP/1.1 server whose faults follow a script. Prints 'listening on ADDRESS:PORT' when ready.

  GET  /_stats   what has happened so far, as one line of JSON
  POST /_reset   forgets it and starts the script anew: the next request is the first again

All other requests follow the script. Durations D look like 250ms, 1.5s or 2min.

For instance, two workers who take 100ms a request, and an outage from second 2 to second 6:

  flaky_server --port 8080 --capacity 2 --service-time 100ms --outage 2s+4s --outage-mode slow

Options)";

flaky::settings settings_from(example::command_line const& given)
{
    flaky::settings s;
    s.statuses = given.value("status", flaky::parse_statuses);
    s.delay = given.value("delay", example::parse_duration);
    s.hang_every = given.value("hang-every", count_from_to{0, highest_count});
    s.reset_every = given.value("reset-every", count_from_to{0, highest_count});
    s.capacity = given.value("capacity", count_from_to{0, 1'000'000});
    s.service_time = given.value("service-time", example::parse_duration);
    if (given.has("outage")) s.outage = given.value("outage", flaky::parse_outage);
    s.mode = given.value("outage-mode", flaky::parse_outage_mode);
    s.outage_delay = given.value("outage-delay", example::parse_duration);
    s.body_bytes = given.value("body-bytes", count_from_to{0, 16 * 1024 * 1024});
    return s;
}

/// Serves until the time is up, a signal comes or something fails.
void serve(example::command_line const& given)
{
    auto wanted = settings_from(given);
    std::optional<example::duration> lifetime;
    if (given.has("for")) lifetime = given.value("for", example::parse_positive_duration);

    asio::io_context io{1};
    flaky::server server{example::listen(io, given), std::move(wanted)};
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

    std::cout << "listening on " << server.endpoint() << '\n' << std::flush;
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
    std::cerr << "flaky_server: " << what << '\n';
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
    } catch (std::exception const& e) {
        return complain(e.what(), 1);
    }
}
