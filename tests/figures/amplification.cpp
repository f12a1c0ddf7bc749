// What retries add to the load, by how often attempts fail. After "Fixing retries with token buckets and
// circuit breakers", M. Brooker, 2022.

#include "figure.hpp"
#include "random.hpp"

#include <keel/keel.hpp>
#include <keel/testing/simulation.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace keel::figures {
namespace {

using namespace std::chrono_literals;

constexpr auto model = "amplification";
constexpr auto for_ever = std::numeric_limits<std::uint32_t>::max();

enum class reply
{
    success,
    failure
};

/// What a client has seen.
struct tally
{
    std::size_t calls = 0;
    std::size_t attempts = 0;
    std::size_t successes = 0;
    std::size_t failures = 0; ///< Of attempts.
};

struct client : tally
{
    double tokens = 5; ///< For the published bucket that every call fills.
    std::optional<pipeline> policies{};
};

struct setting
{
    std::size_t clients = 100;
    duration between_calls = 100ms; ///< Of one client, on average.
    duration length = 10s;
    double failing = 0;
    std::uint64_t seed = 1;
    std::size_t runs = 1;
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
    ++c->attempts;
    co_await sleep_for(w->random.exponential(10ms));
    auto const failed = w->random.happens(w->chosen.failing);
    co_await sleep_for(w->random.exponential(10ms));
    if (failed) ++c->failures;
    co_return failed ? reply::failure : reply::success;
}

asio::awaitable<void> call(world* w, client* c)
{
    ++c->calls;
    c->tokens = std::min(5.0, c->tokens + 0.1);
    auto const end = co_await (*c->policies)(attempt, w, c);
    if (end == reply::success) ++c->successes;
}

void rethrow(std::exception_ptr e)
{
    if (e) std::rethrow_exception(e);
}

/// Calls at once, and then as a Poisson process.
asio::awaitable<void> run_client(world* w, client* c)
{
    auto const executor = co_await asio::this_coro::executor;
    while (w->simulation.elapsed() < w->chosen.length) {
        asio::co_spawn(executor, call(w, c), rethrow);
        co_await sleep_for(w->random.exponential(w->chosen.between_calls));
    }
}

// --- strategies
// -------------------------------------------------------------------------------------------------

verdict judge(reply const& r) { return r == reply::success ? verdict::success : verdict::failure; }

retry_options at_once(std::uint32_t attempts)
{
    retry_options o;
    o.max_attempts = attempts;
    o.backoff = constant{.base = 0ms};
    return o;
}

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
retry published_bucket(client& c)
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
retry published_breaker(client& c)
{
    auto o = at_once(4);
    o.retry_if = [&c](failure const&) { return 10 * c.failures <= c.calls; };
    return retry{o, no_retry_budget};
}

using strategy = retry (*)(client&);

strategy strategy_named(std::string_view name)
{
    if (name == "none") return no_retry;
    if (name == "three") return three_retries;
    if (name == "adaptive_start") return published_bucket;
    if (name == "adaptive_success") return success_funded;
    if (name == "breaker10") return published_breaker;
    throw std::runtime_error("unknown strategy " + std::string(name));
}

// --- what comes out
// ---------------------------------------------------------------------------------------------

/// A ratio of two sums over clients. Clients know nothing of each other, so they are the sample.
struct ratio
{
    double value = 0;
    double standard_error = 0;
};

ratio per_call(std::vector<tally> const& clients, std::size_t tally::* what)
{
    double sum = 0;
    double calls = 0;
    for (auto const& c : clients) {
        sum += static_cast<double>(c.*what);
        calls += static_cast<double>(c.calls);
    }
    ratio r{sum / calls, 0};
    double squares = 0;
    for (auto const& c : clients) {
        auto const off = static_cast<double>(c.*what) - r.value * static_cast<double>(c.calls);
        squares += off * off;
    }
    r.standard_error = std::sqrt(squares) / calls;
    return r;
}

struct result
{
    ratio load;
    ratio success;
};

void run_once(setting const& chosen, std::uint64_t seed, strategy make, std::vector<tally>& seen)
{
    world w{chosen, chances(~seed), testing::simulation(seed), {}};
    w.clients.resize(chosen.clients);
    for (auto& c : w.clients) {
        c.policies.emplace(make(c), classifier{judge});
        w.simulation.start(run_client(&w, &c));
    }
    w.simulation.drain();
    seen.insert(seen.end(), w.clients.begin(), w.clients.end());
}

result run(setting const& chosen, strategy make)
{
    std::vector<tally> seen;
    for (std::size_t i = 0; i < chosen.runs; ++i) run_once(chosen, chosen.seed + i, make, seen);
    return {per_call(seen, &tally::attempts), per_call(seen, &tally::successes)};
}

// --- what was expected
// ------------------------------------------------------------------------------------------

void compare_percent(report& table, std::string const& parameter, double part, double expected,
                     ratio const& got, double error_factor = 1)
{
    table.compare(model, parameter, expected, 100 * got.value,
                  tolerance(part, expected, 100 * got.standard_error * error_factor));
}

/// The reference is one run of the same length and has an error of its own: what counts is that of the
/// difference.
void compare(report& table, std::string const& parameter, json::value const& cell, setting const& chosen,
             result const& got)
{
    auto const factor = std::sqrt(1 + static_cast<double>(chosen.runs));
    auto const percent = [&](char const* what, char const* member, ratio const& r) {
        compare_percent(table, parameter + what, usual_part, number(cell, member), r, factor);
    };
    percent(": load %", "load_pct", got.load);
    percent(": success %", "success_pct", got.success);
}

/// The laws behind the figures, for runs so long that the tokens at the start do not matter.
void compare_with_laws(report& table, std::string const& name, std::string const& parameter, double f,
                       result const& got)
{
    constexpr auto part = 0.01;
    constexpr auto deposit = 0.1;
    auto const three = 1 + f + f * f + f * f * f;
    auto const unlimited = f < 1 ? 1 / (1 - f) : std::numeric_limits<double>::max();
    auto const load = [&](double expected) {
        compare_percent(table, parameter + ": load %, law", part, 100 * expected, got.load);
    };
    if (name == "three") {
        load(three);
        compare_percent(table, parameter + ": success %, law", part, 100 * (1 - f * f * f * f), got.success);
    }
    if (name == "adaptive_start") load(std::min(1 + deposit, unlimited));
    if (name == "adaptive_success") load(std::min(three, 1 / (1 - deposit * (1 - f))));
}

/// A window holds nothing back for later, so where hardly more is asked than it gives, it gives less.
void compare_request_funded(report& table, std::string const& where, setting const& chosen)
{
    auto const got = run(chosen, request_funded).load;
    auto const parameter = "ratio_window" + where + ": load %, law";
    if (chosen.failing >= 0.2)
        compare_percent(table, parameter, 0.01, 110, got);
    else
        table.demand(model, parameter, "at most 110", show(100 * got.value), got.value <= 1.1);
}

void compare_failure_rates(json::object const& rows, duration length, report& table)
{
    std::uint64_t seed = 1;
    auto const seconds = ", T = " + show(std::chrono::duration<double>(length).count()) + " s";
    for (auto const& [percentage, row] : rows) {
        setting chosen;
        chosen.length = length;
        chosen.failing = std::stod(percentage);
        auto const where = ", f = " + show(chosen.failing, 3) + seconds;
        auto const is_long = length >= 100s;
        for (auto const& [name, cell] : row.as_object()) {
            chosen.seed = ++seed;
            auto const got = run(chosen, strategy_named(name));
            auto const parameter = std::string(name) + where;
            compare(table, parameter, cell, chosen, got);
            if (is_long || name == "three") compare_with_laws(table, name, parameter, chosen.failing, got);
        }
        if (!is_long) continue;
        chosen.seed = ++seed;
        compare_request_funded(table, where, chosen);
    }
}

void compare_client_counts(json::object const& rows, duration length, report& table)
{
    std::uint64_t seed = 1'000;
    for (auto const& [count, row] : rows)
        for (auto const& [percentage, cells] : row.as_object())
            for (auto const& [name, cell] : cells.as_object()) {
                setting chosen;
                chosen.clients = std::stoul(count);
                chosen.between_calls = 10ms * chosen.clients;
                chosen.length = length;
                chosen.failing = std::stod(percentage);
                chosen.runs = length < 100s ? 10 : 1; // short runs of few calls are mostly noise
                chosen.seed = seed += chosen.runs;
                auto const parameter = std::string(name) + ", " + std::string(count) +
                                       " clients, f = " + show(chosen.failing, 3) +
                                       ", T = " + show(std::chrono::duration<double>(length).count()) + " s";
                compare(table, parameter, cell, chosen, run(chosen, strategy_named(name)));
            }
}

} // namespace

void amplification(json::value const& reference, extent how_much, report& table)
{
    compare_failure_rates(reference.at("T10").as_object(), 10s, table);
    compare_client_counts(reference.at("client_count_T10_total100").as_object(), 10s, table);
    if (how_much == extent::part) return;
    compare_failure_rates(reference.at("T100").as_object(), 100s, table);
    compare_client_counts(reference.at("client_count_T100_total100").as_object(), 100s, table);
}

} // namespace keel::figures
