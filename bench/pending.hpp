#pragma once

#include "kit.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <deque>

// The parts of W3 that Keel and the hand-written peers share: how rounds of timers and of pending calls are
// run and timed. A round runs once before it is measured, so that what is seen is not the first touch of
// memory.

namespace bench {

/// The sizes of a population.
inline constexpr std::size_t populations[] = {10'000, 100'000, 1'000'000};

/// Registers rounds over `n` timers or calls each, as many as make 200,000 operations, and one at least.
template <class F>
void add_rounds(std::string name, std::size_t n, F f)
{
    auto const rounds = std::max<std::size_t>(1, 200'000 / n);
    add_sized(std::move(name), n, f, static_cast<std::int64_t>(rounds))->UseManualTime();
}

/// What became of one round over `n` timers or calls.
struct round
{
    double arm = 0;       ///< seconds
    double disarm = 0;    ///< seconds, including the handlers that hear of it, where there are any
    double allocated = 0; ///< bytes requested while arming
    double live = 0;      ///< bytes by which the heap grew while arming
};

/// Repeats `play()`, which returns a round over `n`, and reports per operation. `node`: bytes of the object
/// that the caller keeps per pending operation.
template <class Play>
void repeat_rounds(benchmark::State& state, std::size_t n, std::size_t node, Play play)
{
    round sum;
    play();
    for (auto _ : state) {
        round const r = play();
        state.SetIterationTime(r.arm + r.disarm);
        sum = {sum.arm + r.arm, sum.disarm + r.disarm, sum.allocated + r.allocated, sum.live + r.live};
    }
    auto const operations = static_cast<double>(state.iterations()) * static_cast<double>(n);
    state.counters["arm_ns"] = sum.arm / operations * 1e9;
    state.counters["disarm_ns"] = sum.disarm / operations * 1e9;
    state.counters["alloc_bytes"] = sum.allocated / operations;
    state.counters["node_bytes"] = static_cast<double>(node);
    state.counters["bytes"] = sum.live / operations + static_cast<double>(node);
    report_operations(state, static_cast<std::uint64_t>(operations));
}

/// Measures what arming costs: begins before it, and is asked after it.
class arming
{
public:
    round finish()
    {
        round r;
        r.arm = watch_.lap();
        r.allocated = static_cast<double>(allocated_here().bytes - requested_);
        r.live = static_cast<double>(heap_in_use()) - static_cast<double>(in_use_);
        watch_.lap();
        return r;
    }

    /// Seconds since `finish`.
    double rest() { return watch_.lap(); }

private:
    std::size_t in_use_ = heap_in_use();
    std::uint64_t requested_ = allocated_here().bytes;
    stopwatch watch_;
};

/// What a pending call waits for, until it is opened. Counts those that wait.
class gate
{
public:
    explicit gate(asio::io_context& context) : timer_(context, asio::steady_timer::time_point::max()) {}

    static asio::awaitable<int> pass(gate* g, std::size_t* waiting)
    {
        boost::system::error_code ignored;
        ++*waiting;
        co_await g->timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
        co_return 1;
    }

    void open() { timer_.cancel(); }

private:
    asio::steady_timer timer_;
};

/// `n` calls are created by `start(context, gate, waiting, done)`, each suspends in its gate, and when all of
/// them do, they are completed in shuffled order.
template <class Start>
void pending_calls(benchmark::State& state, std::size_t n, Start start)
{
    auto const order = shuffled(n);
    repeat_rounds(state, n, 0, [&] {
        asio::io_context context(1);
        std::deque<gate> gates;
        for (std::size_t i = 0; i < n; ++i) gates.emplace_back(context);
        std::size_t waiting = 0;
        std::size_t done = 0;

        arming a;
        for (auto& g : gates) start(context, g, waiting, done);
        while (context.poll() != 0) {}
        auto r = a.finish();
        if (waiting != n || done != 0) std::abort();

        for (auto const i : order) gates[i].open();
        context.run();
        r.disarm = a.rest();
        if (done != n) std::abort();
        return r;
    });
}

} // namespace bench
