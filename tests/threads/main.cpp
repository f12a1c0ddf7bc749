// keel_threads [--calls N] [--seed S]: calls on four threads, some of them cancelled, through shared
// policies.
//
// Twice N / 2 calls: on one context that four threads run, each caller on a strand; and on four contexts with
// one thread each. Every caller keeps some calls in flight, in scopes and without, and cancels some of them
// after a random number of turns of its executor. When all contexts have run out of work, every call must
// have ended once, and everything must be home. Real threads and real time: what happens differs from run to
// run, what must hold does not. Meant for the thread sanitizer.
//
// The last line is `N passed, M failed`. Exit status 0 only if nothing failed; 2 for a wrong command line.

#include "caller.hpp"
#include "shared.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include <charconv>
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

constexpr auto threads = 4U;
constexpr auto callers = 32U;

void run_all(std::vector<std::unique_ptr<asio::io_context>> const& contexts)
{
    std::vector<std::thread> running;
    for (auto i = 0U; i < threads; ++i)
        running.emplace_back([&, i] { contexts[i % contexts.size()]->run(); });
    for (auto& t : running) t.join();
}

/// \param contexts how many share the threads
/// \returns how many promises were not kept
int run(unsigned contexts, std::uint64_t calls, std::uint64_t seed)
{
    shared all;
    {
        std::vector<std::unique_ptr<asio::io_context>> worlds;
        for (auto i = 0U; i < contexts; ++i)
            worlds.push_back(std::make_unique<asio::io_context>(static_cast<int>(threads / contexts)));
        for (auto i = 0U; i < callers; ++i) {
            auto& home = *worlds[i % contexts];
            auto const executor = contexts == 1 ? asio::any_io_executor(asio::make_strand(home))
                                                : asio::any_io_executor(home.get_executor());
            start_caller(executor, all, calls / callers, seed + i);
        }
        run_all(worlds);
        all.join();
    }
    std::cout << contexts << " context(s): ";
    return all.report(std::cout, calls / callers * callers);
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
            if (!n || *n < 2 * callers) return usage("--calls needs a number of at least 64");
            calls = *n;
        } else if (option == "--seed") {
            if (!n) return usage("--seed needs a number");
            seed = *n;
        } else {
            return usage("unknown option " + std::string(option));
        }
    }
    auto const failed = run(1, calls / 2, seed) + run(threads, calls / 2, seed + callers);
    std::cout << (failed == 0 ? 2 : 0) << " passed, " << failed << " failed\n";
    return failed == 0 ? 0 : 1;
}
