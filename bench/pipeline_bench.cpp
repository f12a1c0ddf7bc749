// What a call through each policy costs, next to the same operation without Keel.
//
// The operation completes at once, in a loop of its own coroutine, so what is seen is the pipeline. Read
// ratios to `bare`, taken in one run; absolute times differ from machine to machine.

#include <keel/keel.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <benchmark/benchmark.h>

#include <exception>

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<int> ready() { co_return 1; }

/// Runs one coroutine that loops over the benchmark's iterations.
void drive(asio::awaitable<void> loop)
{
    asio::io_context context(1);
    asio::co_spawn(context, std::move(loop), [&](std::exception_ptr e) {
        context.stop();
        if (e) std::rethrow_exception(e);
    });
    context.run();
}

asio::awaitable<void> bare_loop(benchmark::State& state)
{
    for (auto _ : state) {
        auto const value = co_await ready();
        benchmark::DoNotOptimize(value);
    }
}

asio::awaitable<void> loop(benchmark::State& state, keel::pipeline p)
{
    for (auto _ : state) {
        auto const end = co_await p.run(ready);
        benchmark::DoNotOptimize(end);
    }
}

void bare(benchmark::State& state) { drive(bare_loop(state)); }

void through(benchmark::State& state, keel::pipeline const& p) { drive(loop(state, p)); }

keel::circuit_breaker breaker() { return keel::circuit_breaker{{.window = keel::count_window{.size = 100}}}; }

keel::circuit_breaker open_breaker()
{
    auto const b = breaker();
    b.force_open();
    return b;
}

keel::retry retrying() { return keel::retry{{.max_attempts = 3}}; }
keel::timeout limit() { return keel::timeout{{.limit = 1s}}; }
keel::bulkhead compartment() { return keel::bulkhead{{.max_concurrent = 100}}; }
keel::rate_limiter limiter()
{
    return keel::rate_limiter{{.permits = 1'000'000'000, .burst = 1'000'000'000}};
}

void try_acquire(benchmark::State& state)
{
    auto const b = open_breaker();
    auto const now = keel::steady_now();
    for (auto _ : state) {
        auto const p = b.try_acquire(now);
        benchmark::DoNotOptimize(p.error());
    }
}

BENCHMARK(bare);
BENCHMARK_CAPTURE(through, nothing, keel::pipeline{});
BENCHMARK_CAPTURE(through, retry, keel::pipeline{retrying()});
BENCHMARK_CAPTURE(through, circuit_breaker, keel::pipeline{breaker()});
BENCHMARK_CAPTURE(through, bulkhead, keel::pipeline{compartment()});
BENCHMARK_CAPTURE(through, rate_limiter, keel::pipeline{limiter()});
BENCHMARK_CAPTURE(through, four_without_timeout,
                  keel::pipeline{retrying(), breaker(), compartment(), limiter()});
BENCHMARK_CAPTURE(through, timeout, keel::pipeline{limit()});
BENCHMARK_CAPTURE(through, all_five,
                  keel::pipeline{retrying(), breaker(), limit(), compartment(), limiter()});
BENCHMARK_CAPTURE(through, refused_by_open_breaker, keel::pipeline{retrying(), open_breaker(), limit()});
BENCHMARK(try_acquire);

} // namespace

BENCHMARK_MAIN();
