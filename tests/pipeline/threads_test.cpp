#include <keel/co_spawn.hpp>
#include <keel/graceful_stop.hpp>
#include <keel/pipeline.hpp>

#include "support/world.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <barrier>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace keel {
namespace {

/// Counts how many operations run at once.
struct gauge
{
    std::atomic<int> now{0};
    std::atomic<int> most{0};
    std::atomic<int> ok{0};
    std::atomic<int> refused{0};
    std::atomic<int> cancelled{0};
    std::atomic<int> failed{0};
};

asio::awaitable<int> hop(std::shared_ptr<gauge> g, int number)
{
    auto const running = ++g->now;
    for (auto most = g->most.load(); running > most && !g->most.compare_exchange_weak(most, running);) {}
    for (auto i = 0; i < number % 4; ++i) {
        auto const executor = co_await asio::this_coro::executor;
        co_await asio::post(executor, asio::deferred);
    }
    --g->now;
    if (number % 17 == 0) throw boost::system::system_error(reset());
    co_return number;
}

asio::awaitable<void> caller(pipeline p, std::shared_ptr<gauge> g, int calls)
{
    for (auto i = 0; i < calls; ++i) {
        auto const end = co_await p.run(hop, g, i);
        if (end.ok())
            ++g->ok;
        else if (end.ended_by() == ended_by::rejection)
            ++g->refused;
        else
            ++g->failed;
    }
}

asio::awaitable<void> caller_that_is_cancelled(pipeline p, std::shared_ptr<gauge> g)
{
    auto const end = co_await p.run(hop, g, 3);
    ++(end.ended_by() == ended_by::caller ? g->cancelled : g->ok);
}

void run_on_threads(asio::io_context& context, int count)
{
    std::vector<std::thread> threads;
    for (auto i = 0; i < count; ++i) threads.emplace_back([&] { context.run(); });
    for (auto& t : threads) t.join();
}

pipeline shared_pipeline(bulkhead const& compartment, circuit_breaker const& breaker)
{
    return pipeline{timeout{{.limit = 1min}},
                    retry{{.max_attempts = 2, .backoff = constant{.base = 0ms}}, no_retry_budget}, breaker,
                    compartment, rate_limiter{{.permits = 1'000'000'000}}};
}

TEST(many_threads, share_a_pipeline_when_each_caller_has_a_strand)
{
    auto const g = std::make_shared<gauge>();
    bulkhead const compartment{{.max_concurrent = 3, .max_queue = 1000}};
    circuit_breaker const breaker{trips_after(1'000'000)};
    auto const p = shared_pipeline(compartment, breaker);
    {
        asio::io_context context(4);
        for (auto i = 0; i < 24; ++i)
            asio::co_spawn(asio::make_strand(context), caller(p, g, 50), [](std::exception_ptr e) {
                if (e) std::rethrow_exception(e);
            });
        run_on_threads(context, 4);
    }
    EXPECT_EQ(g->ok + g->refused + g->failed, 24 * 50);
    EXPECT_EQ(g->refused, 0);
    EXPECT_LE(g->most, 3);
    EXPECT_EQ(compartment.snapshot().running, 0U);
    EXPECT_EQ(compartment.snapshot().waiting, 0U);
}

TEST(many_contexts, share_policies_and_hand_permits_to_each_other)
{
    auto const g = std::make_shared<gauge>();
    bulkhead const compartment{{.max_concurrent = 2, .max_queue = 1000}};
    circuit_breaker const breaker{trips_after(1'000'000)};
    auto const p = shared_pipeline(compartment, breaker);
    std::vector<std::unique_ptr<asio::io_context>> contexts;
    for (auto i = 0; i < 4; ++i) {
        contexts.push_back(std::make_unique<asio::io_context>(1));
        for (auto k = 0; k < 6; ++k)
            asio::co_spawn(*contexts.back(), caller(p, g, 50), [](std::exception_ptr e) {
                if (e) std::rethrow_exception(e);
            });
    }
    std::vector<std::thread> threads;
    for (auto& context : contexts) threads.emplace_back([&] { context->run(); });
    for (auto& t : threads) t.join();

    EXPECT_EQ(g->ok + g->refused + g->failed, 24 * 50);
    EXPECT_LE(g->most, 2);
    EXPECT_EQ(compartment.snapshot().running, 0U);
}

TEST(many_threads, may_cancel_by_a_post_to_the_callers_strand)
{
    auto const g = std::make_shared<gauge>();
    bulkhead const compartment{{.max_concurrent = 1, .max_queue = 1000}};
    auto const p = shared_pipeline(compartment, circuit_breaker{trips_after(1'000'000)});
    constexpr auto count = 200;
    std::atomic<int> ended{0};
    {
        asio::io_context context(4);
        // A signal keeps the executor of what it cancels, so it must not outlive the context.
        std::vector<std::unique_ptr<asio::cancellation_signal>> signals;
        for (auto i = 0; i < count; ++i) {
            signals.push_back(std::make_unique<asio::cancellation_signal>());
            auto const strand = asio::make_strand(context);
            asio::co_spawn(
                strand, caller_that_is_cancelled(p, g),
                asio::bind_cancellation_slot(signals.back()->slot(), [&](std::exception_ptr) { ++ended; }));
            asio::post(strand,
                       [signal = signals.back().get()] { signal->emit(asio::cancellation_type::terminal); });
        }
        run_on_threads(context, 4);
    }
    EXPECT_EQ(ended, count) << "every call has an end";
    EXPECT_EQ(compartment.snapshot().running, 0U);
    EXPECT_EQ(compartment.snapshot().waiting, 0U);
}

asio::awaitable<void> one_call(pipeline p, std::shared_ptr<gauge> g) { (void)co_await p.run(hop, g, 1); }

TEST(a_context, may_go_away_while_another_thread_hands_a_permit_to_its_calls)
{
    auto const g = std::make_shared<gauge>();
    bulkhead const compartment{{.max_concurrent = 1, .max_queue = 100}};
    pipeline const p{compartment};
    for (auto round = 0; round < 500; ++round) {
        auto held = compartment.try_acquire(time_point{});
        ASSERT_TRUE(static_cast<bool>(held)) << "a permit was lost in round " << round;
        auto context = std::make_unique<asio::io_context>(1);
        for (auto i = 0; i < 3; ++i) asio::co_spawn(*context, one_call(p, g), [](std::exception_ptr) {});
        context->poll();
        std::barrier together(2);
        std::thread other([&] {
            together.arrive_and_wait();
            held.settle(verdict::success, time_point{});
        });
        together.arrive_and_wait();
        context.reset();
        other.join();
        ASSERT_EQ(compartment.snapshot().running, 0U) << "in round " << round;
        ASSERT_EQ(compartment.snapshot().waiting, 0U);
    }
}

asio::awaitable<void> take_turns(int turns)
{
    auto const executor = co_await asio::this_coro::executor;
    for (auto i = 0; i < turns; ++i) co_await asio::post(executor, asio::deferred);
}

asio::awaitable<drain_report> drain(graceful_stop stop)
{
    auto const end = co_await stop.drain({.grace = 1h});
    co_return end;
}

asio::awaitable<drain_report> drain_at_once(graceful_stop stop)
{
    auto const end = co_await stop.drain({.grace = 1us, .unwind = 1us});
    co_return end;
}

TEST(a_graceful_stop, gives_up_on_a_pool_too_when_its_time_is_over)
{
    asio::thread_pool pool(3);
    pipeline const p;
    for (auto round = 0; round < 200; ++round) {
        asio::io_context context(1);
        graceful_stop const stop(context);
        std::atomic<bool> may_end = false;
        auto const deaf = [&may_end]() -> asio::awaitable<void> {
            co_await asio::this_coro::throw_if_cancelled(false);
            co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
            auto const executor = co_await asio::this_coro::executor;
            while (!may_end) co_await asio::post(executor, asio::deferred);
        };
        p.async_run(context.get_executor(), deaf, [](outcome<void>) {});
        context.run_one();
        auto end = asio::co_spawn(pool, drain_at_once(stop), asio::use_future);
        std::thread runner([&context] { context.run(); });
        EXPECT_LE(end.get().left, 1U) << "in round " << round;
        may_end = true;
        runner.join();
    }
    pool.join();
}

TEST(a_graceful_stop, may_be_awaited_by_a_coroutine_on_a_pool)
{
    asio::thread_pool pool(3);
    pipeline const p{timeout({.limit = 1h})};
    for (auto round = 0; round < 200; ++round) {
        asio::io_context context(1);
        graceful_stop const stop(context);
        auto const work = [round] { return take_turns(round % 40); };
        p.async_run(context.get_executor(), work, [](outcome<void>) {});
        auto end = asio::co_spawn(pool, drain(stop), asio::use_future);
        std::thread runner([&context] { context.run(); });
        EXPECT_EQ(end.get().left, 0U) << "in round " << round;
        runner.join();
    }
    pool.join();
}

asio::awaitable<void> take_turns_until(std::shared_ptr<std::atomic<bool>> told)
{
    auto const executor = co_await asio::this_coro::executor;
    while (!*told) co_await asio::post(executor, asio::deferred);
}

/// Hands its executor out while it is in a call, which goes on until it is told to end.
asio::awaitable<void> lends_its_executor(pipeline p, std::shared_ptr<std::atomic<bool>> told,
                                         std::promise<asio::any_io_executor>* to)
{
    auto const executor = co_await asio::this_coro::executor;
    to->set_value(executor);
    co_await p(take_turns_until, told);
}

asio::awaitable<void> note_trace(std::string* to)
{
    auto const known = co_await this_call();
    *to = known.trace_id;
}

TEST(a_scope, started_from_another_thread_takes_over_what_is_still_there)
{
    std::string const id(100, 'x');
    pipeline const p{timeout({.limit = 1h})};
    asio::io_context context(1);
    auto work = asio::make_work_guard(context);
    std::thread runner([&context] { context.run(); });
    for (auto round = 0; round < 2000; ++round) {
        auto const stays = round % 2 == 0; // else it ends at about the time at which the other begins
        auto const may_end = std::make_shared<std::atomic<bool>>(!stays);
        std::promise<asio::any_io_executor> lent;
        keel::co_spawn(context, lends_its_executor(p, may_end, &lent), asio::detached,
                       call_context().traced_by(id));
        std::string told;
        auto ended = keel::co_spawn(lent.get_future().get(), note_trace(&told), asio::use_future);
        ended.get();
        *may_end = true;
        EXPECT_TRUE(told == id || (!stays && told.empty())) << "in round " << round << ": " << told;
    }
    work.reset();
    runner.join();
}

} // namespace
} // namespace keel
