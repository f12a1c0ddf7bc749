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

/// Registers `f(state)` under a name that is the same in all stacks that do the same work.
/// KEEL_BENCH_ITERATIONS=n fixes the number of iterations: counting instructions needs that.
template <class F>
benchmark::internal::Benchmark* add(std::string const& name, F f)
{
    auto* const b = benchmark::RegisterBenchmark(name.c_str(), f);
    if (auto const* const n = std::getenv("KEEL_BENCH_ITERATIONS")) b->Iterations(std::atoll(n));
    return b;
}

/// The same for each size of a population: `w3/timer` becomes `w3/timer/10000`.
template <class F>
benchmark::internal::Benchmark* add_sized(std::string name, std::size_t n, F f)
{
    name += '/';
    name += std::to_string(n);
    return add(name, [n, f](benchmark::State& state) { f(state, n); });
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
        state.SetItemsProcessed(static_cast<std::int64_t>(operations));
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

/// `count` coroutines, made by `make(calls)`, are in flight together and do 64,000 operations per iteration.
template <class Spawn, class Make>
void run_crowd(benchmark::State& state, asio::io_context& context, Spawn spawn, std::uint64_t count,
               Make make)
{
    constexpr std::uint64_t operations = 64'000;
    auto const batch = [&] {
        for (std::uint64_t i = 0; i < count; ++i) spawn(context, make(operations / count));
        context.run();
        context.restart();
    };
    batch();
    tally const t;
    for (auto _ : state) batch();
    t.report(state, operations * static_cast<std::uint64_t>(state.iterations()));
}

template <class Spawn, class Make>
void run_crowd(benchmark::State& state, Spawn spawn, std::uint64_t count, Make make)
{
    asio::io_context context(1);
    run_crowd(state, context, spawn, count, make);
}

/// 0 to n - 1 in an order that is the same in every run.
inline std::vector<std::uint32_t> shuffled(std::size_t n)
{
    std::vector<std::uint32_t> order(n);
    std::iota(order.begin(), order.end(), 0u);
    std::shuffle(order.begin(), order.end(), std::mt19937(1));
    return order;
}

class stopwatch
{
public:
    /// Seconds since the last lap.
    double lap()
    {
        auto const now = std::chrono::steady_clock::now();
        return std::chrono::duration<double>(now - std::exchange(since_, now)).count();
    }

private:
    std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();
};

} // namespace bench
