// A failure that outlives its cause: a server for 300 requests a second gets 280, is cut off for ten seconds,
// and the retries of what timed out keep it overloaded. After "Metastable Failures in Distributed Systems",
// N. Bronson and others, HotOS 2021.

#include "at_once.hpp"
#include "exchange.hpp"
#include "figure.hpp"
#include "servers.hpp"
#include "start.hpp"
#include "support/dice.hpp"

#include <keel/keel.hpp>
#include <keel/testing/simulation.hpp>

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::figures {
namespace {

using namespace std::chrono_literals;

constexpr duration cut_begins = 20s;
constexpr duration cut_ends = 30s;
constexpr duration window = 10s;

double seconds(duration d) { return std::chrono::duration<double>(d).count(); }

time_point at(duration since_start) { return time_point{} + since_start; }

// --- the network, and the clients -------------------------------------------------------------------------

struct world
{
    testing::simulation simulation{};
    std::unique_ptr<server> target{};
    std::vector<message> held_up{};
    std::vector<double> attempts{}; ///< In each window.
    std::vector<double> successes{};

    duration now() const { return simulation.elapsed(); }

    void count(std::vector<double>& in) const
    {
        auto const i = static_cast<std::size_t>(now() / window);
        if (i < in.size()) ++in[i];
    }
};

void send(world* w, message m)
{
    if (w->now() >= cut_begins && w->now() < cut_ends)
        w->held_up.push_back(std::move(m));
    else
        w->target->receive(std::move(m));
}

asio::awaitable<void> end_the_cut(world* w)
{
    co_await sleep_until(at(cut_ends));
    for (auto& m : std::exchange(w->held_up, {})) w->target->receive(std::move(m));
}

asio::awaitable<reply> attempt(world* w)
{
    auto const executor = co_await asio::this_coro::executor;
    auto const sent = std::make_shared<request>(executor);
    waiting_client const present(sent);
    w->count(w->attempts);
    send(w, sent);
    auto const got = co_await sent->async_answer();
    co_return got;
}

asio::awaitable<void> call(world* w, pipeline policies)
{
    auto const end = co_await policies.run(attempt, w);
    if (end.ok()) w->count(w->successes);
}

/// Evenly spaced, but for less than a microsecond. A call and the retry of the call that timed out come in
/// the same instant otherwise, always in the same order, and where the server drops what was abandoned that
/// order alone decides whether it recovers.
asio::awaitable<void> arrivals(world* w, pipeline policies, int per_second, duration length)
{
    tests::dice dice(1);
    for (std::int64_t i = 0;; ++i) {
        auto const when = duration(1s) * i / per_second + dice.between(0ns, 999ns);
        if (when >= length) co_return;
        co_await sleep_until(at(when));
        start(w->simulation, call(w, policies));
    }
}

// --- policies ---------------------------------------------------------------------------------------------

timeout one_second() { return timeout{{.limit = 1s}}; }

pipeline without_retry() { return pipeline{one_second()}; }
pipeline one_retry() { return pipeline{retry{at_once(2), no_retry_budget}, one_second()}; }
pipeline one_retry(retry_budget_options budget)
{
    return pipeline{retry{at_once(2), retry_budget{budget}}, one_second()};
}
pipeline requests_pay(double ratio) { return one_retry({ratio_window{.min_per_second = 0, .ratio = ratio}}); }
pipeline successes_pay() { return one_retry({success_bucket{.size = 10, .deposit = 0.1}}); }

pipeline with_breaker()
{
    circuit_breaker_options o;
    o.window = count_window{100};
    o.min_calls = 100;
    o.open_for = 5s;
    o.open_multiplier = 1;
    o.half_open_permits = 10;
    circuit_breaker const breaker{o};
    auto retries = at_once(2);
    retries.retry_if = [breaker](failure const&) { return breaker.state() == circuit_state::closed; };
    return pipeline{retry{retries, no_retry_budget}, breaker, one_second()};
}

struct scenario
{
    pipeline policies;
    int per_second = 280;
    habits server{};
    bool bounded = false;
};

scenario scenario_named(std::string_view name)
{
    using enum habits::order;
    if (name == "no retry") return {without_retry()};
    if (name == "one retry") return {one_retry()};
    if (name == "one retry, 140/s") return {one_retry(), 140};
    if (name == "one retry, 160/s") return {one_retry(), 160};
    if (name == "budget of 0.1 per success") return {successes_pay()};
    if (name == "budget of 0.05 per request") return {requests_pay(0.05)};
    if (name == "budget of 0.1 per request") return {requests_pay(0.1)};
    if (name == "budget of 0.2 per request") return {requests_pay(0.2)};
    if (name == "breaker") return {with_breaker()};
    if (name == "server drops abandoned work") return {one_retry(), 280, {.drops_abandoned = true}};
    if (name == "server queues at most 30") return {one_retry(), 280, {}, true};
    if (name == "server LIFO") return {one_retry(), 280, {.next = newest_first}};
    if (name == "server CoDel") return {one_retry(), 280, {.sheds = true}};
    if (name == "server CoDel, adaptive LIFO")
        return {one_retry(), 280, {.next = newest_first_under_overload, .sheds = true}};
    throw std::runtime_error("no scenario is called " + std::string(name));
}

// --- what comes out ---------------------------------------------------------------------------------------

struct result
{
    double recovers_at_s = 0;
    double attempts_per_s = 0; ///< In the window that begins at 100 s.
    double goodput_per_s = 0;
};

/// The first window after the cut from which on at least 95 % of what was offered succeeds, or never.
double recovery(std::vector<double> const& successes, int per_second)
{
    auto const enough = 0.95 * per_second * seconds(window);
    auto first = successes.size();
    while (first > 0 && successes[first - 1] >= enough) --first;
    if (first == successes.size()) return std::numeric_limits<double>::infinity();
    return std::max(static_cast<double>(first) * seconds(window), seconds(cut_ends));
}

result run(scenario const& s, duration length)
{
    world w;
    if (s.bounded)
        w.target = std::make_unique<bounded_server>(w.simulation);
    else
        w.target = std::make_unique<queueing_server>(w.simulation, s.server);
    w.attempts.resize(static_cast<std::size_t>(length / window));
    w.successes.resize(w.attempts.size());
    start(w.simulation, end_the_cut(&w));
    start(w.simulation, arrivals(&w, s.policies, s.per_second, length));
    w.simulation.advance(length);
    w.simulation.destroy();
    return {recovery(w.successes, s.per_second), w.attempts.at(10) / seconds(window),
            w.successes.at(10) / seconds(window)};
}

} // namespace

figure metastable(json::value const& reference, extent how_much)
{
    constexpr auto table = "What becomes of it";
    duration const length = how_much == extent::all ? 400s : 180s;
    figure f;
    for (auto const& [name, expected] : reference.as_object()) {
        auto const s = scenario_named(name);
        auto const got = run(s, length);
        auto const attempts = number(expected, "attempts_per_s");
        f.compare({table, name, "recovers at, s"}, number(expected, "recovers_at_s"), got.recovers_at_s, 0);
        f.compare({table, name, "attempts/s at 100 s"}, attempts, got.attempts_per_s, 0.01 * attempts);
        f.compare({table, name, "goodput/s at 100 s"}, number(expected, "goodput_per_s"), got.goodput_per_s,
                  0.01 * s.per_second);
    }
    return f;
}

} // namespace keel::figures
