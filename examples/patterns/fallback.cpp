// Fall back to cached data when the source fails, and say so.

#include "check.hpp"

#include <keel/keel.hpp>

#include <iostream>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

std::string cache = "nothing yet";
bool down = false;

asio::awaitable<std::string> read_price()
{
    if (down) throw boost::system::system_error(asio::error::connection_refused);
    cache = "12.50";
    co_return cache;
}

asio::awaitable<void> example()
{
    // [usage]
    keel::pipeline prices{
        keel::fallback{[](keel::failure const&) { return cache + " (cached)"; }},
        keel::timeout{{.limit = 100ms}},
    };
    // [/usage]

    std::cout << co_await prices(read_price) << '\n';
    down = true;
    auto const end = co_await prices.run(read_price);
    std::cout << end.value() << '\n';
    check(end.value() == "12.50 (cached)", "the last known price");
    check(end.ended_by() == keel::ended_by::fallback, "the outcome says where it is from");

    // [chosen]
    auto by_cause = keel::fallback{}
                        .when(keel::condition::rejected, "busy")
                        .when(keel::errc::timed_out, "slow")
                        .when(asio::error::connection_refused, "down");
    // [/chosen]
    keel::pipeline p{by_cause};
    check(co_await p(read_price) == "down", "chosen by the error");
}
