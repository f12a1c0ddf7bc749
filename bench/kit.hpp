#pragma once

#include "allocations.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <numeric>
#include <random>
#include <string>
#include <utility>
#include <vector>

// What both programs share. Whatever the number of operations in one of Google Benchmark's iterations, each
// benchmark reports operations as items, so that nanoseconds per operation are 1e9 / items_per_second.

namespace bench {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// Registers `f(state)` under a name that is the same in all stacks that do the same work. With `iterations`
/// it runs that often; 0 lets Google Benchmark try how often, which builds a population anew each time.
/// KEEL_BENCH_ITERATIONS=n overrides both: counting instructions needs a fixed number.
template <class F>
benchmark::internal::Benchmark* add(std::string const& name, F f, std::int64_t iterations = 0)
{
    auto* const b = benchmark::RegisterBenchmark(name.c_str(), f);
    if (auto const* const n = std::getenv("KEEL_BENCH_ITERATIONS")) iterations = std::atoll(n);
    if (iterations != 0) b->Iterations(iterations);
    return b;
}

/// The same for each size of a population: `w3/timer` becomes `w3/timer/10000`.
template <class F>
benchmark::internal::Benchmark* add_sized(std::string name, std::size_t n, F f, std::int64_t iterations = 0)
{
    name += '/';
    name += std::to_string(n);
    return add(name, [n, f](benchmark::State& state) { f(state, n); }, iterations);
}

/// The operation that completes at once, and the one that suspends once: a trip through the run queue.
[[gnu::noinline]] inline asio::awaitable<int> ready() { co_return 1; }
[[gnu::noinline]] inline asio::awaitable<int> hop()
{
    co_await asio::post(asio::use_awaitable);
    co_return 1;
}

inline void rethrow(std::exception_ptr e)
{
    if (e) std::rethrow_exception(e);
}

/// Starts a coroutine as Asio does.
struct plain_spawn
{
    void operator()(asio::io_context& context, asio::awaitable<void> a) const
    {
        asio::co_spawn(context, std::move(a), rethrow);
    }
};

/// What one run did in all its iterations.
inline void report_operations(benchmark::State& state, std::uint64_t operations)
{
    state.counters["operations"] = static_cast<double>(operations);
    state.SetItemsProcessed(static_cast<std::int64_t>(operations));
}

/// What the thread allocates from here to `report`, told per operation.
class tally
{
public:
    void report(benchmark::State& state, std::uint64_t operations) const
    {
        auto const now = allocated_here();
        auto const each = 1.0 / static_cast<double>(operations);
        state.counters["allocs"] = static_cast<double>(now.count - start_.count) * each;
        state.counters["alloc_bytes"] = static_cast<double>(now.bytes - start_.bytes) * each;
        report_operations(state, operations);
    }

private:
    allocations start_ = allocated_here();
};

/// Runs one coroutine that loops over the benchmark's iterations, one operation each.
template <class Spawn>
void run_loop(benchmark::State& state, Spawn spawn, asio::awaitable<void> loop)
{
    asio::io_context context(1);
    spawn(context, std::move(loop));
    tally const t;
    context.run();
    t.report(state, static_cast<std::uint64_t>(state.iterations()));
}

/// How many coroutines are in flight together, and how many calls each makes, one after the other.
struct crowd
{
    std::uint64_t callers;
    std::uint64_t calls;
};

/// One iteration is a whole crowd; `make(calls)` makes the coroutine of one caller.
template <class Spawn, class Make>
void run_crowd(benchmark::State& state, asio::io_context& context, Spawn spawn, crowd of, Make make)
{
    auto const run = [&](std::uint64_t calls) {
        for (std::uint64_t i = 0; i < of.callers; ++i) spawn(context, make(calls));
        context.run();
        context.restart();
    };
    run(of.calls / 10);
    tally const t;
    for (auto _ : state) run(of.calls);
    t.report(state, of.callers * of.calls * static_cast<std::uint64_t>(state.iterations()));
}

template <class Spawn, class Make>
void run_crowd(benchmark::State& state, Spawn spawn, crowd of, Make make)
{
    asio::io_context context(1);
    run_crowd(state, context, spawn, of, make);
}

/// W1h: 64 calls in flight, or one; W4: 1,000 callers.
inline constexpr crowd in_flight{64, 1'000};
inline constexpr crowd alone{1, 32'000};
inline constexpr crowd queue_of_callers{1'000, 64};

/// 0 to n - 1 in an order that is the same in every run.
inline std::vector<std::uint32_t> shuffled(std::size_t n)
{
    std::vector<std::uint32_t> order(n);
    std::iota(order.begin(), order.end(), 0u);
    std::shuffle(order.begin(), order.end(), std::mt19937(1));
    return order;
}

/// The processor's time of this thread: what neighbours do is not in it. Reading it is a system call.
class stopwatch
{
public:
    /// Seconds since the last lap.
    double lap()
    {
        auto const now = processor_seconds();
        return now - std::exchange(since_, now);
    }

private:
    static double processor_seconds()
    {
        timespec t{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
    }

    double since_ = processor_seconds();
};

} // namespace bench
