// keel-demo: the same load, twice, against the same failing server: without policies, and with Keel.
//
// The server can do 400 requests a second and gets 100. For three seconds each request takes it twenty times
// as long; on top of that it fails one request in twenty, always. Exit status 0 only if the protected run is
// better.

#include "load.hpp"
#include "report.hpp"
#include "server_process.hpp"

#include <cstdlib>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;

constexpr demo::load steady{.calls_per_second = 100, .length = 9s, .patience = 1s};
constexpr demo::outage trouble{.start = 2s, .length = 3s};

std::vector<std::string> server_arguments()
{
    std::string one_in_twenty_fails;
    for (auto i = 0; i < 19; ++i) one_in_twenty_fails += "200,";
    one_in_twenty_fails += "500";
    return {"--status",       one_in_twenty_fails,
            "--capacity",     "4",
            "--service-time", "10ms",
            "--outage",       "2s+3s",
            "--outage-mode",  "slow",
            "--outage-delay", "200ms",
            "--for",          "60s"};
}

/// The programs are built into folders beside ours.
std::string server_program()
{
    auto const here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    return (here / "flaky_server").string();
}

demo::run_result measure(keel::pipeline const& policies, std::vector<keel::circuit_transition> const& states)
{
    std::cout << "  " << policies.name() << " ..." << std::endl;
    demo::server_process const server(server_program(), server_arguments());
    return demo::run(steady, server.url(), policies, states);
}

int tell()
{
    std::cout << "\nA server gets 100 requests a second. From second 2 to 5 it struggles.\n"
                 "The same load runs twice, for 9 seconds each:\n\n";
    std::vector<keel::circuit_transition> states;
    auto const without = measure(demo::unprotected(), states);
    auto const with = measure(demo::protected_by_keel(states), states);

    auto const end = steady.length;
    auto const a = summarise(without, trouble, end);
    auto const b = summarise(with, trouble, end);
    std::cout << '\n' << table(a, b) << '\n' << timeline(without, with, trouble, end) << '\n';

    auto const worse = complaint(a, b);
    if (worse.empty()) return EXIT_SUCCESS;
    std::cerr << "keel-demo: the protected run is not better: " << worse << '\n';
    return EXIT_FAILURE;
}

} // namespace

int main()
{
    try {
        return tell();
    } catch (std::exception const& e) {
        std::cerr << "keel-demo: " << e.what() << '\n';
        return EXIT_FAILURE;
    }
}
