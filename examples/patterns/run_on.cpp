// Blocking work on threads of its own: the bulkhead counts the calls, two lanes of a pool run them, and the
// caller's thread stays free.

#include "check.hpp"

#include <keel/keel.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>

#include <iostream>
#include <string>
#include <thread>

namespace asio = boost::asio;
using namespace std::chrono_literals;

// [usage]
asio::thread_pool pool(4);
keel::limited_executor const lanes{pool, {.name = "files", .max_running = 2, .max_queue = 100}};

keel::pipeline const files{
    keel::timeout{{.limit = 2s}},
    keel::bulkhead{{.name = "files", .max_concurrent = 20, .max_queue = 50}, keel::run_on(lanes)},
};

std::string read_blocking(std::string const& path); // must not run on a thread that serves others

asio::awaitable<std::string> load(std::string path) { co_return read_blocking(path); }

asio::awaitable<std::string> contents(std::string path)
{
    co_return co_await files(load, path); // `load` runs in the pool, and we go on where we were
}
// [/usage]

std::thread::id reader;

std::string read_blocking(std::string const& path)
{
    reader = std::this_thread::get_id();
    return "what is in " + path;
}

// [resize]
keel::bulkhead_registry const compartments{
    {"database", 10, 100},
    {"files", {.max_concurrent = 20, .max_queue = 50}, keel::run_on(lanes)},
};

/// An operator's wish. Nobody who waits loses the place.
void give_more_room(std::string const& name, std::size_t calls) { compartments.resize(name, calls); }
// [/resize]

asio::awaitable<void> example()
{
    auto const home = std::this_thread::get_id();
    auto const text = co_await contents("/etc/motd");
    std::cout << text << '\n';
    check(reader != home, "the operation ran elsewhere");
    check(std::this_thread::get_id() == home, "the caller is back on its own thread");

    give_more_room("database", 20);
    check(compartments.at("database").snapshot().max_concurrent == 20, "the compartment has grown");
    pool.join();
}
