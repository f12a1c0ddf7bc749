// Every way to make a call: awaited, as an outcome, or by a program that knows no coroutines.

#include "check.hpp"

#include <keel/keel.hpp>

#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <iostream>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<std::string> fetch(std::string name) { co_return "page of " + name; }

asio::awaitable<void> example()
{
    keel::pipeline const pages{keel::retry{}, keel::timeout{{.limit = 1s}}};

    // [awaited]
    std::string const page = co_await pages(fetch, std::string("tea"));  // throws what goes wrong
    auto const outcome = co_await pages.run(fetch, std::string("milk")); // tells what goes wrong
    if (!outcome) std::cout << outcome.why() << '\n';
    // [/awaited]
    check(page == "page of tea" && outcome.value() == "page of milk", "an awaited call gives its result");

    // [future]
    asio::thread_pool workers(2);
    auto const front_page = [] { return fetch("the front"); };
    auto future = pages.async_run(asio::make_strand(workers), front_page, asio::use_future);
    std::cout << future.get().value() << '\n';
    // [/future]

    // [callback]
    auto const say = [](keel::outcome<std::string> o) { std::cout << o.value() << '\n'; };
    pages.async_run(asio::make_strand(workers), front_page, say);
    workers.join();
    // [/callback]
}
