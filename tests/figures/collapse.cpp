// A server that slows down the more it has to do collapses under a short surge, and stays so when its clients
// retry at once. After M. Brooker's simulator of simple collapse.

#include "at_once.hpp"
#include "exchange.hpp"
#include "figure.hpp"
#include "random.hpp"
#include "start.hpp"

#include <keel/keel.hpp>
#include <keel/testing/simulation.hpp>

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace keel::figures {
namespace {

using namespace std::chrono_literals;

constexpr duration length = 80s;

struct world
{
    testing::simulation simulation;
    chances random;
    pipeline calls;
    pipeline server{};
    std::size_t in_service = 0;
    std::vector<double> sends = std::vector<double>(80); ///< In each second.
    std::vector<double> successes = std::vector<double>(80);

    void count(std::vector<double>& in) const
    {
        auto const i = static_cast<std::size_t>(simulation.elapsed() / duration(1s));
        if (i < in.size()) ++in[i];
    }
};

asio::awaitable<void> serve(world* w)
{
    ++w->in_service;
    co_await sleep_for(1s + 10ms * w->in_service);
    --w->in_service;
}

/// What becomes of a request that has been sent, whether or not the client still waits.
asio::awaitable<void> travel_and_be_served(world* w, message m)
{
    co_await sleep_for(w->random.exponential(100ms));
    auto const end = co_await w->server.run(serve, w);
    co_await sleep_for(w->random.exponential(100ms));
    m->answer(end.ok() ? error_code{} : refused());
}

asio::awaitable<reply> attempt(world* w)
{
    auto const executor = co_await asio::this_coro::executor;
    auto const sent = std::make_shared<request>(executor);
    waiting_client const present(sent);
    w->count(w->sends);
    start(w->simulation, travel_and_be_served(w, sent));
    auto const got = co_await sent->async_answer();
    co_return got;
}

asio::awaitable<void> call(world* w)
{
    auto const end = co_await w->calls.run(attempt, w);
    if (end.ok()) w->count(w->successes);
}

/// 40 calls a second, and twice as many for five seconds.
asio::awaitable<void> arrivals(world* w)
{
    constexpr auto most = 80;
    for (;;) {
        co_await sleep_for(w->random.exponential(duration(1s) / most));
        auto const now = w->simulation.elapsed();
        auto const surge = now >= 20s && now < 25s;
        if (surge || w->random.happens(0.5)) start(w->simulation, call(w));
    }
}

// --- policies ----------------------------------------------------------------------------------------------

pipeline at_most_three(retry sends) { return pipeline{sends, timeout{{.limit = 3s}}}; }

pipeline calls_for(std::string_view name)
{
    if (name == "no back-off" || name == "no back-off, server limit of 100")
        return at_most_three(retry{at_once(3), no_retry_budget});
    if (name == "no back-off, budget of 0.1 per success")
        return at_most_three(retry{at_once(3), retry_budget{{success_bucket{.size = 10, .deposit = 0.1}}}});
    if (name == "back-off with jitter") {
        auto o = at_once(3);
        o.backoff = exponential{.base = 20s, .cap = 40s, .jitter = jitter::full};
        return at_most_three(retry{o, no_retry_budget});
    }
    throw std::runtime_error("no client is called " + std::string(name));
}

pipeline server_for(std::string_view name)
{
    if (name.ends_with("server limit of 100")) return pipeline{bulkhead{{.max_concurrent = 100}}};
    return pipeline{};
}

// --- what comes out ----------------------------------------------------------------------------------------

struct one_run
{
    std::vector<double> sends;
    std::vector<double> successes;
};

one_run run(std::string_view name, std::uint64_t seed)
{
    world w{testing::simulation(seed), chances(~seed), calls_for(name), server_for(name)};
    start(w.simulation, arrivals(&w));
    w.simulation.advance(length);
    w.simulation.destroy();
    return {w.sends, w.successes};
}

/// A mean over runs.
struct rate
{
    double per_s = 0;
    double standard_error = 0;
};

/// What was counted from one second to another: "10-20".
rate rate_in(std::string const& seconds, std::vector<one_run> const& runs,
             std::vector<double> one_run::* what)
{
    auto const begin = std::stol(seconds);
    auto const end = std::stol(seconds.substr(seconds.find('-') + 1));
    double sum = 0;
    double squares = 0;
    for (auto const& r : runs) {
        auto const first = (r.*what).begin();
        auto const each = std::accumulate(first + begin, first + end, 0.0) / static_cast<double>(end - begin);
        sum += each;
        squares += each * each;
    }
    auto const n = static_cast<double>(runs.size());
    auto const mean = sum / n;
    return {mean, std::sqrt(std::max(0.0, squares / n - mean * mean) / (n - 1))};
}

/// In some runs the server survives the surge, so the published mean of few runs has an error that counts
/// too.
double allowed(double expected, rate const& got, double runs, double published_runs)
{
    return tolerance(0.05, expected, got.standard_error * std::sqrt(1 + runs / published_runs));
}

} // namespace

figure collapse(json::value const& reference, extent how_much)
{
    std::size_t const count = how_much == extent::all ? 100 : 20;
    auto const published_runs = number(reference, "runs");
    figure f;
    std::map<std::string, std::vector<one_run>> runs;
    auto const compare = [&](std::string const& table, std::vector<double> one_run::* what,
                             json::object const& rows) {
        for (auto const& [name, row] : rows)
            for (auto const& [seconds, value] : row.as_object()) {
                auto const expected = value.to_number<double>();
                auto const got = rate_in(seconds, runs.at(name), what);
                f.compare({table, name, std::string(seconds) + " s"}, expected, got.per_s,
                          allowed(expected, got, static_cast<double>(count), published_runs));
            }
    };
    auto const& successes = reference.at("successes_per_s").as_object();
    for (auto const& [name, row] : successes)
        for (std::size_t i = 0; i < count; ++i) runs[name].push_back(run(name, i + 1));
    compare("Successes per second", &one_run::successes, successes);
    compare("Sends per second", &one_run::sends, reference.at("sends_per_s").as_object());
    for (auto const& [name, of] : runs)
        f.demand(name == "no back-off" ||
                     2 * rate_in("70-79", runs.at("no back-off"), &one_run::successes).per_s <
                         rate_in("70-79", of, &one_run::successes).per_s,
                 name + ": not twice as many successes as without anything after the surge");
    return f;
}

} // namespace keel::figures
