// W1 by hand: an operation that completes at once, one caller.

#include "policies.hpp"

#include <thread>

namespace peer {
namespace {

/// Cancelled timers leave their handlers in the run queue: every 64th call lets them run.
enum class queue : bool
{
    has_nothing,
    must_run
};

template <class Call>
awaitable<void> loop(benchmark::State& state, Call call, queue leftovers)
{
    std::uint64_t n = 0;
    for (auto _ : state) {
        int const value = co_await call();
        benchmark::DoNotOptimize(value);
        if (leftovers == queue::must_run && (++n & 63) == 0) co_await asio::post(use_awaitable);
    }
}

template <class Call>
void add_call(char const* name, Call call, queue leftovers = queue::has_nothing)
{
    bench::add(name, [=](benchmark::State& state) {
        bench::run_loop(state, bench::plain_spawn{}, loop(state, call, leftovers));
    });
}

awaitable<void> hop_often(std::uint64_t calls)
{
    for (; calls != 0; --calls) co_await asio::post(use_awaitable);
}

/// 64 coroutines that hop through one context, run by so many threads. Wall time divided by all hops.
void shared_context(benchmark::State& state, std::size_t threads)
{
    constexpr std::uint64_t each = 5'000;
    for (auto _ : state) {
        asio::io_context context(static_cast<int>(threads));
        for (int i = 0; i < 64; ++i) bench::plain_spawn{}(context, hop_often(each));
        std::vector<std::jthread> others;
        for (std::size_t i = 1; i < threads; ++i) others.emplace_back([&context] { context.run(); });
        context.run();
    }
    state.SetItemsProcessed(state.iterations() * 64 * static_cast<std::int64_t>(each));
}

[[maybe_unused]] bool const added = [] {
    add_call("w1/bare", ready);
    add_call("w1/hop", hop);
    add_call("w1/retry", [] { return with_retry(ready); });
    add_call("w1/breaker", [] { return with_breaker(shared().breaker, ready); });
    add_call("w1/bulkhead", [] { return with_bulkhead(shared().bulkhead, ready); });
    add_call("w1/rate_limiter", [] { return with_rate_limit(shared().limiter, ready); });
    add_call("w1/timeout", [] { return under_timer(ready); }, queue::must_run);
    add_call("w1/timeout_or", [] { return or_timer(ready); });
    add_call("w1/five", [] { return layered(shared(), ready); }, queue::must_run);
    add_call("w1/five_or", [] { return layered_or(shared(), ready); });
    add_call("w1/five_fused", [] { return fused(shared(), ready); });
    for (std::size_t const threads : {1, 2})
        bench::add_sized("w1/hop_threads", threads, shared_context)->UseRealTime();
    return true;
}();

} // namespace
} // namespace peer
