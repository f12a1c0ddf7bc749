// W2: refused by an open breaker.

#include "subjects.hpp"

namespace bench {
namespace {

keel::pipeline refusing()
{
    return keel::pipeline{retrying(), open_breaker(), limit(), compartment(), never_refusing()};
}

asio::awaitable<void> by_value_loop(benchmark::State& state, keel::pipeline p)
{
    for (auto _ : state) {
        auto const end = co_await p.run(ready);
        if (!end.error()) state.SkipWithError("the breaker let a call through");
    }
}

asio::awaitable<void> by_exception_loop(benchmark::State& state, keel::pipeline p)
{
    std::int64_t caught = 0;
    for (auto _ : state) {
        try {
            co_await p(ready);
        } catch (boost::system::system_error const&) {
            ++caught;
        }
    }
    if (caught != state.iterations()) state.SkipWithError("the breaker let a call through");
}

void by_value(benchmark::State& state)
{
    run_loop(state, spawn_in_scope{}, by_value_loop(state, refusing()));
}

void by_exception(benchmark::State& state)
{
    run_loop(state, spawn_in_scope{}, by_exception_loop(state, refusing()));
}

/// Opened by failures: it must look at the clock, as the one by hand does.
void try_acquire(benchmark::State& state)
{
    keel::circuit_breaker const b{{.window = keel::consecutive_window{.failures = 1}, .open_for = 1h}};
    b.try_acquire().settle(keel::verdict::failure);
    tally const t;
    for (auto _ : state) {
        auto const p = b.try_acquire();
        benchmark::DoNotOptimize(p.error());
    }
    t.report(state, static_cast<std::uint64_t>(state.iterations()));
}

[[maybe_unused]] bool const added = [] {
    add("w2/value", by_value);
    add("w2/exception", by_exception);
    add("w2/try_acquire", try_acquire);
    return true;
}();

} // namespace
} // namespace bench
