// keel_simulation --seeds A..B --calls N [--twice] [--log]   runs a world for each seed
// keel_simulation --check FILE                               runs the worlds of a file again and compares
//
// One line per seed: `seed=1 calls=2000 events=9120 hash=0123456789abcdef`; a file for --check holds such
// lines. After it come the complaints, if any. The last line is `N passed, M failed`. Exit status 0 only if
// nothing failed and something ran; 2 for a wrong command line.

#include "ticket.hpp"
#include "world.hpp"

#include <charconv>
#include <cstdint>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

namespace {

using keel::simulated::run_world;
using keel::simulated::ticket;
using keel::simulated::world_end;

struct wishes
{
    std::uint64_t first = 1;
    std::uint64_t last = 0;
    std::uint32_t calls = 0;
    bool twice = false;
    bool log = false;
    std::string check{};
};

struct tally
{
    std::uint64_t passed = 0;
    std::uint64_t failed = 0;
    std::uint64_t calls = 0;
    std::uint64_t starts = 0;
    std::uint64_t events = 0;
};

std::string line_of(std::uint64_t seed, std::uint32_t calls, world_end const& e)
{
    std::ostringstream line;
    line << "seed=" << seed << " calls=" << calls << " events=" << e.events << " hash=" << std::hex
         << std::setfill('0') << std::setw(16) << e.hash;
    return line.str();
}

void complain(world_end const& e, std::uint64_t seed, std::uint32_t calls)
{
    for (std::size_t i = 0; i < e.stacks.size(); ++i)
        std::cout << "  stack " << i << ": " << e.stacks[i] << '\n';
    for (std::size_t i = 0; i < e.complaints.size() && i < 10; ++i)
        std::cout << "  FAILED: " << e.complaints[i] << '\n';
    if (e.complaints.size() > 10) std::cout << "  ... " << e.complaints.size() << " in all\n";
    std::cout << "  again: keel_simulation --seeds " << seed << ".." << seed << " --calls " << calls
              << " --log\n";
}

/// Runs one world. \returns its line
std::string run(std::uint64_t seed, std::uint32_t calls, wishes const& w, tally& t)
{
    auto const end = run_world(seed, calls, w.log ? &std::cout : nullptr);
    auto const line = line_of(seed, calls, end);
    std::cout << line << '\n';
    t.calls += calls;
    t.starts += end.starts;
    t.events += end.events;
    auto good = end.complaints.empty();
    if (!good) complain(end, seed, calls);
    if (w.twice) {
        auto const again = line_of(seed, calls, run_world(seed, calls));
        if (again != line) {
            good = false;
            std::cout << "  FAILED: the second run gives " << again << '\n';
        }
    }
    ++(good ? t.passed : t.failed);
    return line;
}

void run_seeds(wishes const& w, tally& t)
{
    for (auto seed = w.first; seed <= w.last; ++seed) run(seed, w.calls, w, t);
}

std::optional<std::uint64_t> number(std::string_view text)
{
    std::uint64_t value = 0;
    auto const* const end = text.data() + text.size();
    auto const [stopped, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || stopped != end) return std::nullopt;
    return value;
}

/// The number behind `name=` in a line.
std::optional<std::uint64_t> number_in(std::string const& line, std::string_view name)
{
    std::istringstream words(line);
    for (std::string word; words >> word;)
        if (word.starts_with(name) && word.size() > name.size() && word[name.size()] == '=')
            return number(std::string_view(word).substr(name.size() + 1));
    return std::nullopt;
}

bool is_calls(std::optional<std::uint64_t> n) { return n && *n >= 1 && *n < ticket::most_calls; }

/// \returns false when the file cannot be used
bool check_file(wishes const& w, tally& t)
{
    std::ifstream in(w.check);
    if (!in) {
        std::cerr << "keel_simulation: cannot read " << w.check << '\n';
        return false;
    }
    std::optional<std::uint64_t> first_different;
    std::size_t line_number = 0;
    for (std::string wanted; std::getline(in, wanted);) {
        ++line_number;
        if (wanted.empty() || wanted.starts_with('#')) continue;
        auto const seed = number_in(wanted, "seed");
        auto const calls = number_in(wanted, "calls");
        if (!seed || !is_calls(calls)) {
            std::cerr << "keel_simulation: " << w.check << ':' << line_number << ": found `" << wanted
                      << "`, allowed is `seed=N calls=N events=N hash=H`\n";
            return false;
        }
        auto const found = run(*seed, static_cast<std::uint32_t>(*calls), w, t);
        if (found == wanted || first_different) continue;
        first_different = seed;
        std::cout << "  FAILED: the file says " << wanted << '\n';
        ++t.failed;
    }
    if (first_different)
        std::cout << "The first seed that differs from " << w.check << " is " << *first_different << ".\n";
    return true;
}

int usage(std::string const& why)
{
    std::cerr << "keel_simulation: " << why
              << "\n"
                 "usage: keel_simulation --seeds A..B --calls N [--twice] [--log]\n"
                 "       keel_simulation --check FILE\n"
                 "  --twice  run every world twice and compare\n"
                 "  --log    write every event\n";
    return 2;
}

} // namespace

int main(int argc, char** argv)
{
    wishes w;
    for (auto i = 1; i < argc; ++i) {
        std::string_view const option(argv[i]);
        std::string_view const value(i + 1 < argc ? argv[i + 1] : "");
        if (option == "--twice") {
            w.twice = true;
        } else if (option == "--log") {
            w.log = true;
        } else if (option == "--check") {
            w.check = value;
            ++i;
        } else if (option == "--calls") {
            auto const calls = number(value);
            if (!is_calls(calls)) return usage("--calls needs a number from 1 to 4194303");
            w.calls = static_cast<std::uint32_t>(*calls);
            ++i;
        } else if (option == "--seeds") {
            auto const dots = value.find("..");
            auto const first = number(value.substr(0, dots));
            auto const last = dots == std::string_view::npos ? first : number(value.substr(dots + 2));
            if (!first || !last || *last < *first) return usage("--seeds needs a range such as 1..50");
            w.first = *first;
            w.last = *last;
            ++i;
        } else {
            return usage("unknown option " + std::string(option));
        }
    }

    tally t;
    if (!w.check.empty()) {
        if (!check_file(w, t)) return 2;
    } else if (w.calls == 0 || w.last < w.first) {
        return usage("--seeds and --calls are needed, or --check");
    } else {
        run_seeds(w, t);
    }
    std::cout << t.calls << " calls, " << t.starts << " starts of operations, " << t.events << " events\n"
              << t.passed << " passed, " << t.failed << " failed\n";
    return t.failed == 0 && t.passed > 0 ? 0 : 1;
}
