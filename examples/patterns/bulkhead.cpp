// Bulkheads by operation name: each kind of work has a compartment of its own, so that a slow one cannot take
// the others down with it.

#include "check.hpp"

#include <keel/keel.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <iostream>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

// [usage]
keel::bulkhead_registry const compartments{
    {"database", 10},
    {"external_api", 5},
    {"file_io", 3},
    {"critical", 2},
};

/// \throws keel::unknown_name, which names the compartments there are
keel::pipeline isolated(std::string const& operation_name)
{
    return keel::pipeline{keel::timeout{{.limit = 1s}}, compartments.at(operation_name)};
}
// [/usage]

asio::awaitable<void> read_file() { co_await keel::sleep_for(20ms); }

asio::awaitable<void> count(keel::pipeline files, int& done, int& refused)
{
    auto const end = co_await files.run(read_file);
    ++(end.ok() ? done : refused);
}

asio::awaitable<void> example()
{
    auto const files = isolated("file_io");
    auto done = 0;
    auto refused = 0;
    auto const executor = co_await asio::this_coro::executor;
    for (auto i = 0; i < 8; ++i) asio::co_spawn(executor, count(files, done, refused), asio::detached);
    co_await keel::sleep_for(5ms);

    std::cout << "file_io: " << compartments.at("file_io").snapshot().running << " running, " << refused
              << " refused\n";
    check(refused == 5, "three run, and the others are refused at once");

    auto const query = isolated("database");
    check((co_await query.run(read_file)).ok(), "other compartments are not touched");

    try {
        (void)isolated("databse");
        check(false, "an unknown name is an error");
    } catch (keel::unknown_name const& e) {
        std::cout << e.what() << '\n';
    }
    co_await keel::sleep_for(30ms);
    check(done == 3, "the three end");
}
