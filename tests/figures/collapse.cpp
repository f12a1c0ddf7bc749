// A server that slows down the more it has to do collapses under a short surge, and stays so when its clients
// retry at once. After M. Brooker's simulator of simple collapse.

#include "exchange.hpp"
#include "figure.hpp"
#include "random.hpp"

#include <keel/keel.hpp>
#include <keel/testing/simulation.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace keel::figures {
namespace {

using namespace std::chrono_literals;

constexpr auto model = "collapse";
constexpr auto part = 0.05;
constexpr duration length = 80s;
constexpr double published_runs = 20;

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
    asio::co_spawn(executor, travel_and_be_served(w, sent), rethrow);
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
    auto const executor = co_await asio::this_coro::executor;
    constexpr auto most = 80;
    for (;;) {
        co_await sleep_for(w->random.exponential(duration(1s) / most));
        auto const now = w->simulation.elapsed();
        auto const surge = now >= 20s && now < 25s;
        if (surge || w->random.happens(0.5)) asio::co_spawn(executor, call(w), rethrow);
    }
}

// --- policies
// ---------------------------------------------------------------------------------------------------

retry_options three_sends(keel::backoff const& law)
{
    retry_options o;
    o.max_attempts = 3;
    o.backoff = law;
    return o;
}

timeout three_seconds() { return timeout{{.limit = 3s}}; }

pipeline calls_for(std::string_view name)
{
    constant const at_once{.base = 0ms};
    exponential const jittered{.base = 20s, .cap = 40s, .jitter = jitter::full};
    if (name == "backoff_jitter")
        return pipeline{retry{three_sends(jittered), no_retry_budget}, three_seconds()};
    if (name == "no_backoff_budget_0.1") {
        retry_budget const budget{{success_bucket{.size = 10, .deposit = 0.1}}};
        return pipeline{retry{three_sends(at_once), budget}, three_seconds()};
    }
    return pipeline{retry{three_sends(at_once), no_retry_budget}, three_seconds()};
}

pipeline server_for(std::string_view name)
{
    if (name == "no_backoff_limit_100") return pipeline{bulkhead{{.max_concurrent = 100}}};
    return pipeline{};
}

// --- what comes out
// ---------------------------------------------------------------------------------------------

struct one_run
{
    std::vector<double> sends;
    std::vector<double> successes;
};

one_run run(std::string_view name, std::uint64_t seed)
{
    world w{testing::simulation(seed), chances(~seed), calls_for(name), server_for(name)};
    w.simulation.start(arrivals(&w));
    w.simulation.advance(length);
    w.simulation.destroy();
    return {w.sends, w.successes};
}

/// What was counted per second, on average over runs, from one second to another: "10-20". In some runs the
/// server survives the surge, so the published mean of few runs has an error that counts too.
void compare(report& table, std::string const& parameter, std::string const& seconds, double expected,
             std::vector<one_run> const& runs, std::vector<double> one_run::* what)
{
    auto const begin = std::stol(seconds);
    auto const end = std::stol(seconds.substr(seconds.find('-') + 1));
    double sum = 0;
    double squares = 0;
    for (auto const& r : runs) {
        double rate = 0;
        for (auto i = begin; i < end; ++i) rate += (r.*what)[static_cast<std::size_t>(i)];
        rate /= static_cast<double>(end - begin);
        sum += rate;
        squares += rate * rate;
    }
    auto const n = static_cast<double>(runs.size());
    auto const mean = sum / n;
    auto const deviation = std::sqrt(std::max(0.0, (squares - n * mean * mean) / (n - 1)));
    table.compare(model, parameter + ", " + seconds + " s", expected, mean,
                  tolerance(part, expected, deviation * std::sqrt(1 / n + 1 / published_runs)));
}

} // namespace

void collapse(json::value const& reference, extent how_much, report& table)
{
    std::size_t const count = how_much == extent::all ? 100 : 20;
    auto const& sends = reference.at("sends_per_s").as_object();
    for (auto const& [name, windows] : reference.at("ok_per_s").as_object()) {
        std::vector<one_run> runs;
        for (std::size_t i = 0; i < count; ++i) runs.push_back(run(name, i + 1));
        for (auto const& [seconds, expected] : windows.as_object())
            compare(table, std::string(name) + ": successes/s", seconds, expected.to_number<double>(), runs,
                    &one_run::successes);
        if (auto const* published = sends.if_contains(name))
            for (auto const& [seconds, expected] : published->as_object())
                compare(table, std::string(name) + ": sends/s", seconds, expected.to_number<double>(), runs,
                        &one_run::sends);
    }
}

} // namespace keel::figures
