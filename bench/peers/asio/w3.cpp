// W3 by hand: steady_timer, the two structures that are the floor (a list of equal durations, a wheel), and
// calls that are pending under a timer of their own.

#include "pending.hpp"
#include "policies.hpp"

#include <memory>

namespace peer {
namespace {

std::chrono::milliseconds equal(std::mt19937&) { return 30s; }
std::chrono::milliseconds random(std::mt19937& g) { return std::chrono::milliseconds(30'000 + g() % 30'000); }

template <std::chrono::milliseconds (*LimitOf)(std::mt19937&)>
void timers_of(benchmark::State& state, std::size_t n)
{
    auto const order = bench::shuffled(n);
    std::mt19937 chance(1);
    std::vector<std::chrono::milliseconds> limits(n);
    for (auto& d : limits) d = LimitOf(chance);

    bench::repeat_rounds(state, n, sizeof(asio::steady_timer), [&] {
        asio::io_context context(1);
        std::vector<asio::steady_timer> all;
        all.reserve(n);
        for (std::size_t i = 0; i < n; ++i) all.emplace_back(context);
        std::size_t heard = 0;

        bench::arming a;
        for (std::size_t i = 0; i < n; ++i) {
            all[i].expires_after(limits[i]);
            all[i].async_wait([&heard](boost::system::error_code) { ++heard; });
        }
        auto r = a.finish();
        for (auto const i : order) all[i].cancel();
        context.run();
        r.disarm = a.rest();
        if (heard != n) std::abort();
        return r;
    });
}

void churn(benchmark::State& state, std::size_t n)
{
    asio::io_context context(1);
    std::vector<asio::steady_timer> all;
    all.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
        all.emplace_back(context, 30s);
        all[i].async_wait([](boost::system::error_code) {});
    }
    std::mt19937 chance(1);
    std::uint64_t k = 0;
    bench::tally const t;
    for (auto _ : state) {
        auto& timer = all[chance() % n];
        timer.expires_after(30s);
        timer.async_wait([](boost::system::error_code) {});
        if ((++k & 63) != 0) continue;
        context.poll();
        context.restart();
    }
    t.report(state, static_cast<std::uint64_t>(state.iterations()));
}

/// Arms and disarms nodes by two functions.
template <class Arm>
void nodes(benchmark::State& state, std::size_t n, Arm arm)
{
    auto const order = bench::shuffled(n);
    std::vector<deadline> all(n);
    bench::repeat_rounds(state, n, sizeof(deadline), [&] {
        bench::arming a;
        for (std::size_t i = 0; i < n; ++i) arm(all[i], i);
        auto r = a.finish();
        for (auto const i : order) deadline_list::cancel(all[i]);
        r.disarm = a.rest();
        return r;
    });
}

void list(benchmark::State& state, std::size_t n)
{
    deadline_list all;
    nodes(state, n, [&all](deadline& d, std::size_t) { all.arm(d, now_ns() + 30'000'000'000); });
}

void list_churn(benchmark::State& state, std::size_t n)
{
    std::vector<deadline> all(n);
    deadline_list list;
    for (auto& d : all) list.arm(d, now_ns());
    std::mt19937 chance(1);
    bench::tally const t;
    for (auto _ : state) {
        auto& d = all[chance() % n];
        deadline_list::cancel(d);
        list.arm(d, now_ns());
    }
    t.report(state, static_cast<std::uint64_t>(state.iterations()));
}

/// A hashed wheel: 4 levels of 64 slots, ticks of a millisecond.
class wheel
{
public:
    wheel()
    {
        for (auto& level : slots_)
            for (auto& head : level) head.previous = head.next = &head;
    }

    void arm(deadline& d, std::uint64_t at)
    {
        int const level = at < 64 ? 0 : at < 4'096 ? 1 : at < 262'144 ? 2 : 3;
        auto& head = slots_[level][(at >> (6 * level)) & 63];
        d.at = static_cast<std::int64_t>(at);
        d.previous = head.previous;
        d.next = &head;
        head.previous->next = &d;
        head.previous = &d;
    }

private:
    deadline slots_[4][64];
};

void hashed_wheel(benchmark::State& state, std::size_t n)
{
    auto const w = std::make_unique<wheel>();
    nodes(state, n, [&w](deadline& d, std::size_t i) {
        w->arm(d, static_cast<std::uint64_t>(now_ns()) / 1'000'000 % 1'000 + 30'000 + i % 30'000);
    });
}

awaitable<void> call(bench::gate* g, std::size_t* waiting)
{
    auto const executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, 30s);
    timer.async_wait([](boost::system::error_code) {});
    co_await bench::gate::pass(g, waiting);
    timer.cancel();
}

awaitable<void> call_or(bench::gate* g, std::size_t* waiting)
{
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer timer(co_await asio::this_coro::executor, 30s);
    co_await (bench::gate::pass(g, waiting) || timer.async_wait(use_awaitable));
}

template <awaitable<void> (*Start)(bench::gate*, std::size_t*)>
void calls(benchmark::State& state, std::size_t n)
{
    bench::pending_calls(
        state, n, [](asio::io_context& context, bench::gate& g, std::size_t& waiting, std::size_t& done) {
            asio::co_spawn(context, Start(&g, &waiting), [&done](std::exception_ptr) { ++done; });
        });
}

[[maybe_unused]] bool const added = [] {
    for (auto const n : bench::populations) {
        bench::add_rounds("w3/timer", n, timers_of<equal>);
        bench::add_rounds("w3/list", n, list);
        bench::add_rounds("w3/wheel", n, hashed_wheel);
        bench::add_sized("w3/churn", n, churn, 200'000);
        bench::add_sized("w3/list_churn", n, list_churn, 200'000);
    }
    for (std::size_t const n : {10'000, 100'000}) {
        bench::add_rounds("w3/timer_random", n, timers_of<random>);
        bench::add_rounds("w3/call", n, calls<call>);
        bench::add_rounds("w3/call_or", n, calls<call_or>);
    }
    return true;
}();

} // namespace
} // namespace peer
