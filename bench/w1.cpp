// W1: an operation that completes at once, one caller. What is seen is the pipeline.

#include "subjects.hpp"

#include <thread>

namespace bench {
namespace {

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

void bare(benchmark::State& state) { run_loop(state, plain_spawn{}, bare_loop(state)); }

/// The same pipeline in a scope and, as `<name>/no_scope`, outside of one.
void add_pipeline(std::string const& name, keel::pipeline const& p)
{
    add(name, [p](benchmark::State& state) { run_loop(state, spawn_in_scope{}, loop(state, p)); });
    add(name + "/no_scope", [p](benchmark::State& state) { run_loop(state, plain_spawn{}, loop(state, p)); });
}

/// Threads that share one pipeline, each with a context of its own. Wall time divided by all calls.
void shared(benchmark::State& state, std::size_t threads)
{
    constexpr std::uint64_t calls = 100'000;
    auto const p = five_policies();
    auto const work = [&p] {
        asio::io_context context(1);
        spawn_in_scope{}(context, call_often(p, ready, calls));
        context.run();
    };
    for (auto _ : state) {
        std::vector<std::jthread> others;
        for (std::size_t i = 1; i < threads; ++i) others.emplace_back(work);
        work();
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(threads * calls));
}

[[maybe_unused]] bool const added = [] {
    add("w1/bare", bare);
    add_pipeline("w1/nothing", keel::pipeline{});
    add_pipeline("w1/retry", keel::pipeline{retrying()});
    add_pipeline("w1/breaker", keel::pipeline{breaker()});
    add_pipeline("w1/timeout", keel::pipeline{limit()});
    add_pipeline("w1/bulkhead", keel::pipeline{compartment()});
    add_pipeline("w1/rate_limiter", keel::pipeline{never_refusing()});
    add_pipeline("w1/four_without_timeout",
                 keel::pipeline{retrying(), breaker(), compartment(), never_refusing()});
    add_pipeline("w1/five", five_policies());
    for (std::size_t const threads : {1, 2}) add_sized("w1/threads", threads, shared)->UseRealTime();
    return true;
}();

} // namespace
} // namespace bench
