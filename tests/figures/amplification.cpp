// What retries add to the load, by how often attempts fail. After "Fixing retries with token buckets and
// circuit breakers", M. Brooker, 2022.

#include "at_once.hpp"
#include "figure.hpp"
#include "random.hpp"
#include "start.hpp"

#include <keel/keel.hpp>
#include <keel/testing/simulation.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace keel::figures {
namespace {

using namespace std::chrono_literals;

constexpr auto for_ever = std::numeric_limits<std::uint32_t>::max();

enum class reply
{
    success,
    failure
};

struct setting
{
    std::size_t clients = 0;
    std::size_t calls_per_s = 0; ///< Of all clients, on average.
    std::size_t seconds = 0;
    double failing = 0; ///< So large a part of the attempts.
    std::size_t runs = 1;
};

/// What a client has seen.
struct tally
{
    std::size_t calls = 0;
    std::size_t attempts = 0;
    std::size_t successes = 0;
    std::size_t failures = 0; ///< Of attempts.
};

struct client
{
    tally seen{};
    double tokens = 5; ///< For the published bucket that every call fills.
    std::optional<pipeline> policies{};
};

struct world
{
    setting chosen;
    chances random;
    testing::simulation simulation;
    std::vector<client> clients;
};

asio::awaitable<reply> attempt(world* w, client* c)
{
    ++c->seen.attempts;
    co_await sleep_for(w->random.exponential(10ms));
    auto const failed = w->random.happens(w->chosen.failing);
    co_await sleep_for(w->random.exponential(10ms));
    if (failed) ++c->seen.failures;
    co_return failed ? reply::failure : reply::success;
}

asio::awaitable<void> call(world* w, client* c)
{
    ++c->seen.calls;
    c->tokens = std::min(5.0, c->tokens + 0.1);
    auto const end = co_await (*c->policies)(attempt, w, c);
    if (end == reply::success) ++c->seen.successes;
}

/// Calls at once, and then as a Poisson process.
asio::awaitable<void> run_client(world* w, client* c)
{
    auto const between_calls = duration(1s) * w->chosen.clients / w->chosen.calls_per_s;
    while (w->simulation.elapsed() < std::chrono::seconds(w->chosen.seconds)) {
        start(w->simulation, call(w, c));
        co_await sleep_for(w->random.exponential(between_calls));
    }
}

// --- strategies -------------------------------------------------------------------------------------------

retry no_retry(client&) { return retry{at_once(1), no_retry_budget}; }
retry three_retries(client&) { return retry{at_once(4), no_retry_budget}; }

retry success_funded(client&)
{
    return retry{at_once(4), retry_budget{{success_bucket{.size = 5, .deposit = 0.1}}}};
}

retry request_funded(client&)
{
    return retry{at_once(for_ever), retry_budget{{ratio_window{.min_per_second = 0, .ratio = 0.1}}}};
}

/// The published bucket, which Keel does not have: every call fills it, and it must hold more than a token.
retry call_funded(client& c)
{
    auto o = at_once(for_ever);
    o.retry_if = [&c](failure const&) {
        if (c.tokens <= 1) return false;
        c.tokens -= 1;
        return true;
    };
    return retry{o, no_retry_budget};
}

/// The published "circuit breaker", which stops retries and not calls, and has no window.
retry until_a_tenth_fails(client& c)
{
    auto o = at_once(4);
    o.retry_if = [&c](failure const&) { return 10 * c.seen.failures <= c.seen.calls; };
    return retry{o, no_retry_budget};
}

using strategy = retry (*)(client&);

strategy strategy_named(std::string_view name)
{
    if (name == "no retry") return no_retry;
    if (name == "3 retries") return three_retries;
    if (name == "bucket, per call") return call_funded;
    if (name == "bucket, per success") return success_funded;
    if (name == "until 10 % fail") return until_a_tenth_fails;
    throw std::runtime_error("no strategy is called " + std::string(name));
}

// --- what comes out ---------------------------------------------------------------------------------------

/// So many per hundred calls.
struct percentage
{
    double value = 0;
    double standard_error = 0;
};

/// Clients know nothing of each other, so they are the sample.
percentage per_call(std::vector<tally> const& clients, std::size_t tally::* what)
{
    double sum = 0;
    double calls = 0;
    for (auto const& c : clients) {
        sum += static_cast<double>(c.*what);
        calls += static_cast<double>(c.calls);
    }
    double squares = 0;
    for (auto const& c : clients)
        squares += std::pow(static_cast<double>(c.*what) - sum / calls * static_cast<double>(c.calls), 2);
    return {100 * sum / calls, 100 * std::sqrt(squares) / calls};
}

verdict judge(reply const& r) { return r == reply::success ? verdict::success : verdict::failure; }

std::vector<tally> run_once(setting const& chosen, std::uint64_t seed, strategy make)
{
    world w{chosen, chances(~seed), testing::simulation(seed), std::vector<client>(chosen.clients)};
    for (auto& c : w.clients) {
        c.policies.emplace(make(c), classifier{judge});
        start(w.simulation, run_client(&w, &c));
    }
    w.simulation.drain();
    std::vector<tally> seen;
    for (auto const& c : w.clients) seen.push_back(c.seen);
    return seen;
}

struct result
{
    percentage load;
    percentage success;
};

result run(setting const& chosen, strategy make)
{
    std::vector<tally> seen;
    for (std::size_t seed = 1; seed <= chosen.runs; ++seed) {
        auto const more = run_once(chosen, seed, make);
        seen.insert(seen.end(), more.begin(), more.end());
    }
    return {per_call(seen, &tally::attempts), per_call(seen, &tally::successes)};
}

// --- what was expected ------------------------------------------------------------------------------------

/// The reference is one run of the same length and has an error of its own: what counts is that of the
/// difference.
void compare(figure& f, place const& p, double expected, percentage const& got, std::size_t runs)
{
    f.compare(
        p, expected, got.value,
        tolerance(usual_part, expected, got.standard_error * std::sqrt(1.0 + static_cast<double>(runs))));
}

constexpr auto lawful_loads = "Attempts per 100 calls, and the law";
constexpr auto lawful_successes = "Calls of 100 that succeed, and the law";

void compare_with_law(figure& f, place const& p, double expected, percentage const& got)
{
    f.compare(p, expected, got.value, tolerance(0.01, expected, got.standard_error));
}

/// The laws behind the figures, for runs so long that the tokens at the start do not matter.
void compare_with_laws(figure& f, std::string const& row, std::string const& name, double failing,
                       result const& got)
{
    constexpr auto deposit = 0.1;
    auto const three = 1 + failing + std::pow(failing, 2) + std::pow(failing, 3);
    auto const load = [&](double law) {
        compare_with_law(f, {lawful_loads, row, name}, 100 * law, got.load);
    };
    if (name == "3 retries") {
        load(three);
        compare_with_law(f, {lawful_successes, row, name}, 100 * (1 - std::pow(failing, 4)), got.success);
    }
    if (name == "bucket, per call") load(std::min(1 + deposit, 1 / (1 - failing)));
    if (name == "bucket, per success") load(std::min(three, 1 / (1 - deposit * (1 - failing))));
}

/// A window holds nothing back for later, so where hardly more is asked than it gives, it gives less.
void compare_with_law_of_windows(figure& f, std::string const& row, setting const& chosen)
{
    place const p{lawful_loads, row, "window of requests"};
    auto const load = run(chosen, request_funded).load;
    if (chosen.failing >= 0.2)
        compare_with_law(f, p, 110, load);
    else
        f.at_most(p, 110, load.value);
}

void compare_row(figure& f, std::string const& where, setting const& chosen, json::object const& expected)
{
    auto const row =
        std::to_string(chosen.clients) + " clients, " + show(100 * chosen.failing, 1) + " % fail";
    auto const has_laws = chosen.calls_per_s * chosen.seconds >= 100'000;
    for (auto const& [name, load_and_success] : expected) {
        auto const got = run(chosen, strategy_named(name));
        auto const& pair = load_and_success.as_array();
        compare(f, {"Attempts per 100 calls, " + where, row, name}, pair.at(0).to_number<double>(), got.load,
                chosen.runs);
        compare(f, {"Calls of 100 that succeed, " + where, row, name}, pair.at(1).to_number<double>(),
                got.success, chosen.runs);
        if (has_laws) compare_with_laws(f, row, name, chosen.failing, got);
    }
    if (has_laws) compare_with_law_of_windows(f, row, chosen);
}

} // namespace

figure amplification(json::value const& reference, extent how_much)
{
    figure f;
    std::size_t const fewest_calls = how_much == extent::all ? 100'000 : 10'000;
    for (auto const& group : reference.as_array()) {
        setting chosen;
        chosen.calls_per_s = group.at("calls_per_s").to_number<std::size_t>();
        chosen.seconds = group.at("seconds").to_number<std::size_t>();
        if (how_much == extent::part && chosen.seconds > 10) continue;
        chosen.runs = std::max<std::size_t>(1, fewest_calls / (chosen.calls_per_s * chosen.seconds));
        auto const where =
            std::to_string(chosen.calls_per_s) + " calls/s for " + std::to_string(chosen.seconds) + " s";
        for (auto const& row : group.at("rows").as_array()) {
            chosen.clients = row.at("clients").to_number<std::size_t>();
            chosen.failing = number(row, "failing");
            compare_row(f, where, chosen, row.at("load_and_success").as_object());
        }
    }
    return f;
}

} // namespace keel::figures
