#pragma once

#include "kit.hpp"

#include <keel/keel.hpp>

// The policies as the workloads want them, and where a call is made: in a scope of Keel's or outside of one.

namespace bench {

/// Starts a coroutine in a scope: inside, a call under a timeout needs no coroutine thread of its own.
struct spawn_in_scope
{
    void operator()(asio::io_context& context, asio::awaitable<void> a) const
    {
        keel::co_spawn(context, std::move(a), rethrow);
    }
};

inline keel::circuit_breaker breaker()
{
    return keel::circuit_breaker{{.window = keel::count_window{.size = 100}}};
}

inline keel::circuit_breaker open_breaker()
{
    auto const b = breaker();
    b.force_open();
    return b;
}

inline keel::retry retrying() { return keel::retry{{.max_attempts = 3}}; }
inline keel::timeout limit(keel::duration d = 1s) { return keel::timeout{{.limit = d}}; }
inline keel::bulkhead compartment(std::size_t permits = 100, std::size_t queue = 0)
{
    return keel::bulkhead{{.max_concurrent = permits, .max_queue = queue}};
}
inline keel::rate_limiter never_refusing()
{
    return keel::rate_limiter{{.permits = 1'000'000'000, .burst = 1'000'000'000}};
}

/// Retry, breaker, timeout, bulkhead, rate limiter.
inline keel::pipeline five_policies(keel::duration d = 1s, std::size_t permits = 100)
{
    return keel::pipeline{retrying(), breaker(), limit(d), compartment(permits), never_refusing()};
}

/// `calls` times the operation through the pipeline.
template <class Op>
asio::awaitable<void> call_often(keel::pipeline p, Op op, std::uint64_t calls)
{
    for (; calls != 0; --calls) {
        auto const end = co_await p.run(op);
        benchmark::DoNotOptimize(end);
    }
}

} // namespace bench
