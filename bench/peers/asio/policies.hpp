#pragma once

#include "kit.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <variant>

// What a careful user writes by hand on plain Asio: each policy as a decorator, a coroutine of its own; and
// how near the floor one can get, with all five fused into one coroutine.

namespace peer {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using asio::awaitable;
using asio::use_awaitable;
using bench::hop;
using bench::ready;

inline std::int64_t now_ns()
{
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// Closed or open, with a window of 100 outcomes.
struct breaker
{
    std::uint64_t bits[2]{};
    std::int64_t open_until = 0;
    std::uint16_t position = 0;
    std::uint16_t failures = 0;
    std::uint16_t total = 0;
    bool open = false;

    bool allow(std::int64_t now)
    {
        if (!open) return true;
        if (now < open_until) return false;
        open = false;
        return true;
    }

    void record(bool failed, std::int64_t now)
    {
        auto& word = bits[position >> 6];
        auto const mask = std::uint64_t{1} << (position & 63);
        bool const before = (word & mask) != 0;
        failures = static_cast<std::uint16_t>(failures + failed - before);
        word = failed ? word | mask : word & ~mask;
        if (total < 100) ++total;
        position = position == 99 ? std::uint16_t{0} : static_cast<std::uint16_t>(position + 1);
        if (total < 100 || failures <= 50) return;
        open = true;
        open_until = now + 1'000'000'000;
    }
};

/// GCRA; this one never refuses.
struct rate_limiter
{
    std::int64_t arrival = 0;
    std::int64_t increment = 1;
    std::int64_t burst = 1'000'000'000;

    bool try_acquire(std::int64_t now)
    {
        auto const next = (arrival > now ? arrival : now) + increment;
        if (next - now > burst) return false;
        arrival = next;
        return true;
    }
};

struct bulkhead
{
    int free = 100;

    bool try_acquire()
    {
        if (free == 0) return false;
        --free;
        return true;
    }

    void release() { ++free; }
};

struct deadline
{
    deadline* previous;
    deadline* next;
    std::int64_t at;
};

/// Deadlines of one duration are a first in, first out list: arm at the back, unlink to cancel. One Asio
/// timer would serve them all.
struct deadline_list
{
    deadline head{&head, &head, 0};

    void arm(deadline& d, std::int64_t at)
    {
        d.at = at;
        d.previous = head.previous;
        d.next = &head;
        head.previous->next = &d;
        head.previous = &d;
    }

    static void cancel(deadline& d)
    {
        d.previous->next = d.next;
        d.next->previous = d.previous;
    }
};

struct subjects
{
    peer::breaker breaker;
    rate_limiter limiter;
    peer::bulkhead bulkhead;
    deadline_list deadlines;
};

/// All five in one coroutine, the clock read once per attempt: the floor.
template <class Op>
awaitable<int> fused(subjects& s, Op op)
{
    for (int attempt = 0; attempt < 3; ++attempt) {
        auto const now = now_ns();
        if (!s.limiter.try_acquire(now)) throw std::runtime_error("rate");
        if (!s.bulkhead.try_acquire()) throw std::runtime_error("bulkhead");
        if (!s.breaker.allow(now)) {
            s.bulkhead.release();
            throw std::runtime_error("open");
        }
        deadline d;
        s.deadlines.arm(d, now + 1'000'000'000);
        int const result = co_await op();
        deadline_list::cancel(d);
        s.bulkhead.release();
        s.breaker.record(result < 0, now);
        if (result >= 0) co_return result;
    }
    co_return -1;
}

/// A timer of its own per call, cancelled when the operation has ended.
template <class Op>
awaitable<int> under_timer(Op op)
{
    auto const executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, 1s);
    timer.async_wait([](boost::system::error_code) {});
    int const result = co_await op();
    timer.cancel();
    co_return result;
}

/// `op || timer`.
template <class Op>
awaitable<int> or_timer(Op op)
{
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer timer(co_await asio::this_coro::executor, 1s);
    auto const first = co_await (op() || timer.async_wait(use_awaitable));
    co_return first.index() == 0 ? std::get<0>(first) : -1;
}

template <class Op>
awaitable<int> with_retry(Op op)
{
    for (int attempt = 0; attempt < 3; ++attempt) {
        int const result = co_await op();
        if (result >= 0) co_return result;
    }
    co_return -1;
}

template <class Op>
awaitable<int> with_breaker(breaker& b, Op op)
{
    if (!b.allow(b.open ? now_ns() : 0)) throw std::runtime_error("open");
    int const result = co_await op();
    b.record(result < 0, 0);
    co_return result;
}

template <class Op>
awaitable<int> with_bulkhead(bulkhead& b, Op op)
{
    if (!b.try_acquire()) throw std::runtime_error("full");
    int const result = co_await op();
    b.release();
    co_return result;
}

template <class Op>
awaitable<int> with_rate_limit(rate_limiter& r, Op op)
{
    if (!r.try_acquire(now_ns())) throw std::runtime_error("rate");
    int const result = co_await op();
    co_return result;
}

/// Five decorators around the operation; the timeout is a timer that is cancelled.
template <class Op>
awaitable<int> layered(subjects& s, Op op)
{
    return with_retry([&s, op] {
        return with_breaker(s.breaker, [&s, op] {
            return under_timer([&s, op] {
                return with_bulkhead(s.bulkhead, [&s, op] { return with_rate_limit(s.limiter, op); });
            });
        });
    });
}

/// The same, with `op || timer`.
template <class Op>
awaitable<int> layered_or(subjects& s, Op op)
{
    return with_retry([&s, op] {
        return with_breaker(s.breaker, [&s, op] {
            return or_timer([&s, op] {
                return with_bulkhead(s.bulkhead, [&s, op] { return with_rate_limit(s.limiter, op); });
            });
        });
    });
}

/// What the functions below give to `call`: one state for all calls of a benchmark.
inline subjects& shared()
{
    static subjects s;
    return s;
}

} // namespace peer
