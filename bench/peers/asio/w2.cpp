// W2 by hand: refused by an open breaker, and what an exception costs that crosses one frame of Asio's, or
// five.

#include "policies.hpp"

#include <limits>

namespace peer {
namespace {

breaker& open_breaker()
{
    static breaker b{.open_until = std::numeric_limits<std::int64_t>::max(), .open = true};
    return b;
}

awaitable<int> through_1() { return with_breaker(open_breaker(), ready); }

awaitable<int> through_5()
{
    return with_retry(
        [] { return with_retry([] { return with_retry([] { return with_retry(through_1); }); }); });
}

template <class Call>
awaitable<void> catching_loop(benchmark::State& state, Call call)
{
    std::int64_t caught = 0;
    for (auto _ : state) {
        try {
            co_await call();
        } catch (std::runtime_error const&) {
            ++caught;
        }
    }
    if (caught != state.iterations()) state.SkipWithError("the breaker let a call through");
}

template <class Call>
void thrown(benchmark::State& state, Call call)
{
    bench::run_loop(state, bench::plain_spawn{}, catching_loop(state, call));
}

awaitable<int> refused()
{
    if (!open_breaker().allow(now_ns())) co_return -2;
    int const value = co_await ready();
    co_return value;
}

awaitable<void> by_value_loop(benchmark::State& state)
{
    for (auto _ : state) {
        int const value = co_await refused();
        benchmark::DoNotOptimize(value);
    }
}

void by_value(benchmark::State& state) { bench::run_loop(state, bench::plain_spawn{}, by_value_loop(state)); }

void by_function(benchmark::State& state)
{
    bench::tally const t;
    for (auto _ : state) {
        bool const allowed = open_breaker().allow(now_ns());
        benchmark::DoNotOptimize(allowed);
    }
    t.report(state, static_cast<std::uint64_t>(state.iterations()));
}

[[maybe_unused]] bool const added = [] {
    bench::add("w2/value", by_value);
    bench::add("w2/exception", [](auto& state) { thrown(state, through_1); });
    bench::add("w2/exception_5", [](auto& state) { thrown(state, through_5); });
    bench::add("w2/try_acquire", by_function);
    return true;
}();

} // namespace
} // namespace peer
