// keel_threads [--calls N] [--seed S]: calls on four threads, some of them cancelled, through shared
// policies.
//
// Three times N / 3 calls: on one context that four threads run, each caller on a strand; on four contexts
// with one thread each; and on one context again, which is drained when half of the calls have been made.
// Every caller keeps some calls in flight, in scopes and without, and cancels some of them after a random
// number of turns of its executor. When all contexts have run out of work, every call must have ended once,
// and everything must be home. Real threads and real time: what happens differs from run to run, what must
// hold does not. Meant for the thread sanitizer.
//
// The last line is `N passed, M failed`. Exit status 0 only if nothing failed; 2 for a wrong command line.

#include "caller.hpp"
#include "shared.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace keel::threads;
using namespace std::chrono_literals;

constexpr auto threads = 4U;
constexpr auto callers = 32U;

void run_all(std::vector<std::unique_ptr<asio::io_context>> const& contexts)
{
    std::vector<std::thread> running;
    for (auto i = 0U; i < threads; ++i)
        running.emplace_back([&, i] { contexts[i % contexts.size()]->run(); });
    for (auto& t : running) t.join();
}

/// Drains the context when so many calls have been made.
asio::awaitable<void> drain_after(std::uint64_t calls, shared* all, keel::graceful_stop stop,
                                  keel::drain_report* end)
{
    auto const executor = co_await asio::this_coro::executor;
    while (all->started < calls) co_await asio::post(executor, asio::deferred);
    all->stopping = true;
    *end = co_await stop.drain({.grace = 1ms, .unwind = 10min});
}

struct wishes
{
    unsigned contexts; ///< How many share the threads.
    bool drains;       ///< The first is drained half-way.
};

/// \returns how many promises were not kept
int run(wishes const& how, std::uint64_t calls, std::uint64_t seed)
{
    shared all;
    keel::drain_report drained;
    {
        std::vector<std::unique_ptr<asio::io_context>> worlds;
        for (auto i = 0U; i < how.contexts; ++i)
            worlds.push_back(std::make_unique<asio::io_context>(static_cast<int>(threads / how.contexts)));
        if (how.drains) {
            keel::graceful_stop const stop(*worlds.front());
            auto const strand = asio::make_strand(*worlds.front());
            asio::co_spawn(strand, drain_after(calls / 2, &all, stop, &drained), asio::detached);
        }
        for (auto i = 0U; i < callers; ++i) {
            auto& home = *worlds[i % how.contexts];
            auto const executor = how.contexts == 1 ? asio::any_io_executor(asio::make_strand(home))
                                                    : asio::any_io_executor(home.get_executor());
            start_caller(executor, all, calls / callers, seed + i);
        }
        run_all(worlds);
        all.join();
    }
    std::cout << how.contexts << " context(s)" << (how.drains ? ", drained: " : ": ");
    return all.report(std::cout, calls / callers * callers, how.drains ? &drained : nullptr);
}

std::optional<std::uint64_t> number(std::string_view text)
{
    std::uint64_t value = 0;
    auto const* const end = text.data() + text.size();
    auto const [stopped, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stopped != end) return std::nullopt;
    return value;
}

int usage(std::string const& why)
{
    std::cerr << "keel_threads: " << why << "\nusage: keel_threads [--calls N] [--seed S]\n";
    return 2;
}

} // namespace

int main(int argc, char** argv)
{
    std::uint64_t calls = 40'000;
    std::uint64_t seed = 1;
    for (auto i = 1; i < argc; ++i) {
        std::string_view const option(argv[i]);
        auto const n = number(i + 1 < argc ? argv[++i] : "");
        if (option == "--calls") {
            if (!n || *n < 3 * callers) return usage("--calls needs a number of at least 96");
            calls = *n;
        } else if (option == "--seed") {
            if (!n) return usage("--seed needs a number");
            seed = *n;
        } else {
            return usage("unknown option " + std::string(option));
        }
    }
    auto failed = 0;
    for (auto const& how : {wishes{1, false}, wishes{threads, false}, wishes{1, true}}) {
        failed += run(how, calls / 3, seed);
        seed += callers;
    }
    std::cout << (failed == 0 ? 3 : 0) << " passed, " << failed << " failed\n";
    return failed == 0 ? 0 : 1;
}
