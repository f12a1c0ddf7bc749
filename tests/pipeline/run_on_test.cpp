// Bulkheads that have their operations run on another executor.

#include <keel/bulkhead.hpp>
#include <keel/limited_executor.hpp>

#include "support/calls.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/result.hpp>

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace keel {
namespace {

bulkhead_options room_for(std::size_t calls, std::size_t queue = 0)
{
    bulkhead_options o;
    o.name = "reports";
    o.max_concurrent = calls;
    o.max_queue = queue;
    return o;
}

limited_executor_options lanes(std::size_t running, std::size_t queue = 100)
{
    limited_executor_options o;
    o.max_running = running;
    o.max_queue = queue;
    return o;
}

/// Runs a coroutine on a context of its own, in this thread, and gives back what it returned.
template <class T>
T run_here(asio::awaitable<T> work)
{
    asio::io_context context(1);
    std::optional<T> value;
    std::exception_ptr thrown;
    asio::co_spawn(context, std::move(work), [&](std::exception_ptr e, T result) {
        thrown = e;
        value.emplace(std::move(result));
    });
    context.run();
    if (thrown) std::rethrow_exception(thrown);
    return *std::move(value);
}

// --- how it ends, in virtual time

/// A pipeline whose operations run on another strand of the same world.
pipeline to_another_strand(simulation& world)
{
    return pipeline{bulkhead{room_for(1), run_on(world.context())}};
}

TEST(run_on, carries_a_value_across)
{
    simulation world;
    auto const p = to_another_strand(world);
    scripted<int> op;
    op.takes(1s).returns(42);
    auto const end = world.run(p.run(owning(op)));
    EXPECT_EQ(end.value(), 42);
    EXPECT_EQ(end.attempts(), 1u);
    EXPECT_EQ(end.ended_by(), ended_by::operation);
    EXPECT_EQ(world.elapsed(), 1s);
    expect_nothing_left(world);
}

struct odd_error : std::runtime_error
{
    using std::runtime_error::runtime_error;
};

asio::awaitable<void> throws_odd()
{
    throw odd_error("odd");
    co_return;
}
asio::awaitable<void> fails_with_code()
{
    throw boost::system::system_error(reset());
    co_return;
}
asio::awaitable<void> does_nothing() { co_return; }
asio::awaitable<std::unique_ptr<int>> makes_unique() { co_return std::make_unique<int>(7); }

TEST(run_on, carries_an_exception_across)
{
    simulation world;
    auto const p = to_another_strand(world);
    EXPECT_THROW(world.run(p(throws_odd)), odd_error);
    EXPECT_EQ(world.run(p.run(fails_with_code)).error(), reset());
}

TEST(run_on, carries_nothing_and_what_can_only_be_moved)
{
    simulation world;
    auto const p = to_another_strand(world);
    EXPECT_TRUE(world.run(p.run(does_nothing)).ok());
    auto end = world.run(p.run(makes_unique));
    EXPECT_EQ(*end.value(), 7);
}

asio::awaitable<boost::system::result<int>> results_in(error_code code)
{
    co_return boost::system::result<int>(code);
}

TEST(run_on, carries_an_error_in_the_operations_own_type)
{
    simulation world;
    auto const p = to_another_strand(world);
    EXPECT_EQ(world.run(p(results_in, reset())).error(), reset());
}

TEST(run_on, is_part_of_each_attempt)
{
    simulation world;
    pipeline const p{retry{retry_every(1s, 3)}, bulkhead{room_for(1), run_on(world.context())}};
    scripted<int> op;
    op.fails(reset()).fails(reset()).returns(42);
    auto const end = world.run(p.run(owning(op)));
    EXPECT_TRUE(end.ok());
    EXPECT_EQ(end.attempts(), 3u);
}

TEST(run_on, demands_an_operation_that_owns_what_it_uses)
{
    simulation world;
    auto const p = to_another_strand(world);
    auto started = false;
    auto const refers = [&started]() -> asio::awaitable<void> {
        started = true;
        co_return;
    };
    auto const end = world.run(p.run(refers));
    EXPECT_EQ(end.error(), errc::operation_not_owned);
    EXPECT_EQ(end.report().policy, "reports");
    EXPECT_FALSE(started);
    EXPECT_TRUE(world.run(p.run(owning(refers))).ok());
}

TEST(run_on, leaves_a_fallbacks_answer_to_the_caller)
{
    simulation world;
    auto const here = std::this_thread::get_id();
    asio::thread_pool pool(1);
    pipeline const p{fallback{[here](failure const&) { return std::this_thread::get_id() == here ? 1 : 2; }},
                     bulkhead{room_for(1), run_on(pool)}};
    auto const fails = +[]() -> asio::awaitable<int> {
        throw odd_error("odd");
        co_return 0;
    };
    auto const answer = [](pipeline by, asio::awaitable<int> (*op)()) -> asio::awaitable<int> {
        co_return co_await by(op);
    };
    EXPECT_EQ(run_here(answer(p, fails)), 1);
}

// --- time and cancellation

TEST(run_on, is_cut_short_by_a_timeout)
{
    simulation world;
    bulkhead const compartment{room_for(1), run_on(world.context())};
    pipeline const p{timeout{{.limit = 1s}}, compartment};
    scripted<int> op;
    op.takes(1h).returns(42);
    auto const end = world.run(p.run(owning(op)));
    EXPECT_EQ(end.error(), errc::timed_out);
    EXPECT_EQ(end.ended_by(), ended_by::timeout);
    EXPECT_EQ(world.elapsed(), 1s);
    EXPECT_EQ(op.cancelled(), 1u);
    EXPECT_EQ(op.running(), 0u);
    EXPECT_EQ(compartment.snapshot().running, 0u);
    expect_nothing_left(world);
}

asio::awaitable<outcome<int>> in_a_scope(pipeline p, scripted<int> op)
{
    auto const executor = co_await asio::this_coro::executor;
    auto call = [](pipeline by, scripted<int> o) -> asio::awaitable<outcome<int>> {
        auto const own = owning(o);
        co_return co_await by.run(own);
    };
    co_return co_await keel::co_spawn(executor, call(p, op), asio::use_awaitable);
}

TEST(run_on, is_cut_short_in_place_in_a_scope)
{
    simulation world;
    pipeline const p{timeout{{.limit = 1s}}, to_another_strand(world)};
    scripted<int> op;
    op.takes(1h).returns(42);
    EXPECT_EQ(world.run(in_a_scope(p, op)).error(), errc::timed_out);
    EXPECT_EQ(world.elapsed(), 1s);
    EXPECT_EQ(op.cancelled(), 1u);
}

asio::awaitable<void> call_once(pipeline p, scripted<int> op,
                                std::shared_ptr<std::optional<outcome<int>>> end)
{
    auto const own = owning(op);
    end->emplace(co_await p.run(own));
}

TEST(run_on, passes_the_callers_cancellation_on_and_waits_for_what_becomes_of_it)
{
    simulation world;
    auto const p = to_another_strand(world);
    scripted<int> op;
    op.takes(1s).ignoring_cancellation().returns(42);
    auto const end = std::make_shared<std::optional<outcome<int>>>();
    auto const caller = world.start(call_once(p, op, end));
    caller.cancel();
    world.advance(999ms);
    EXPECT_EQ(op.cancelled(), 1u);
    EXPECT_FALSE(end->has_value()) << "the operation has not ended";
    world.drain();
    ASSERT_TRUE(end->has_value());
    EXPECT_EQ((*end)->value(), 42) << "a result is a result";
    expect_nothing_left(world);
}

TEST(run_on, ends_by_the_caller_when_it_is_cancelled)
{
    simulation world;
    auto const p = to_another_strand(world);
    scripted<int> op;
    op.takes(1h).returns(42);
    auto const end = std::make_shared<std::optional<outcome<int>>>();
    auto const caller = world.start(call_once(p, op, end));
    world.advance(1s);
    caller.cancel();
    world.drain();
    ASSERT_TRUE(end->has_value());
    EXPECT_EQ((*end)->error(), aborted());
    EXPECT_EQ((*end)->ended_by(), ended_by::caller);
    EXPECT_EQ(world.elapsed(), 1s);
}

/// Has the caller cancelled when it is asked.
class cancels_the_caller final : public gate
{
public:
    std::string_view name() const noexcept override { return "cancels_the_caller"; }
    admission admit(visit const&) override
    {
        caller->cancel();
        return admission::granted({});
    }
    void settle(grant const&, verdict, visit const&) noexcept override {}

    testing::started const* caller = nullptr;
};

asio::awaitable<void> call_in_a_second(pipeline p, scripted<int> op,
                                       std::shared_ptr<std::optional<outcome<int>>> end)
{
    co_await sleep_for(1s);
    co_await call_once(p, op, end);
}

TEST(run_on, does_not_send_what_its_caller_does_not_want_any_more)
{
    for (auto const limited : {false, true}) {
        simulation world;
        auto const last = std::make_shared<cancels_the_caller>();
        pipeline const sent{std::shared_ptr<gate>(last), to_another_strand(world)};
        pipeline const p = limited ? pipeline{timeout{{.limit = 1min}}, sent} : sent;
        scripted<int> op;
        op.takes(1h).returns(42);
        auto const end = std::make_shared<std::optional<outcome<int>>>();
        auto const caller = world.start(call_in_a_second(p, op, end));
        last->caller = &caller;
        world.drain();
        ASSERT_TRUE(end->has_value());
        EXPECT_EQ((*end)->ended_by(), ended_by::caller);
        EXPECT_EQ(op.started(), 0U);
        EXPECT_EQ(world.elapsed(), 1s);
        expect_nothing_left(world);
    }
}

asio::awaitable<call_context> tells_its_call()
{
    auto const known = co_await keel::this_call();
    co_return known;
}

TEST(run_on, tells_the_operation_what_it_may_know_of_its_call)
{
    simulation world;
    pipeline const p{timeout{{.limit = 3s}}, to_another_strand(world)};
    auto const known = world.run(p.with(overrides().idempotency_key("k"))(tells_its_call));
    EXPECT_EQ(known.deadline, world.clock().now() + 3s);
    EXPECT_EQ(known.attempt, 1u);
    EXPECT_EQ(known.idempotency_key, "k");
}

asio::awaitable<outcome<int>> calls_on(pipeline inner, scripted<int> op) { co_return co_await inner.run(op); }

TEST(run_on, lets_pipelines_in_the_operation_inherit_the_deadline)
{
    simulation world;
    pipeline const outer{timeout{{.limit = 1s}}, to_another_strand(world)};
    pipeline const inner{timeout{{.limit = 1h}}};
    scripted<int> op;
    op.takes(1h).returns(42);
    auto const own = owning(calls_on);
    auto const end = world.run(outer.run(own, inner, op));
    EXPECT_EQ(world.elapsed(), 1s);
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end.value().ended_by(), ended_by::deadline);
    EXPECT_EQ(op.cancelled(), 1u);
}

TEST(run_on, keeps_the_permit_of_an_abandoned_operation_until_it_ends)
{
    simulation world;
    bulkhead const compartment{room_for(1), run_on(world.context())};
    pipeline const p{timeout{{.limit = 1s, .on_expiry = abandon}}, compartment};
    scripted<int> op;
    op.takes(1min).ignoring_cancellation().returns(42);
    EXPECT_EQ(world.run(p.run(owning(op))).error(), errc::timed_out);
    EXPECT_EQ(world.elapsed(), 1s);
    EXPECT_EQ(compartment.snapshot().running, 1u);
    EXPECT_EQ(p.orphans(), 1u);
    world.drain();
    EXPECT_EQ(compartment.snapshot().running, 0u);
    EXPECT_EQ(p.orphans(), 0u);
}

// --- a limited executor: lanes and a queue

/// A limited executor's only lane, taken until `let_go`.
class taken_lane
{
public:
    template <class Executor>
    explicit taken_lane(Executor const& executor)
    {
        asio::post(executor, [this] {
            taken_.count_down();
            free_.wait();
        });
        taken_.wait();
    }
    void let_go() { free_.count_down(); }

private:
    std::latch taken_{1};
    std::latch free_{1};
};

TEST(run_on_a_limited_executor, maps_a_full_queue_to_a_rejection_by_the_bulkhead)
{
    simulation world;
    asio::thread_pool pool(1);
    limited_executor const narrow{pool, lanes(1, 0)};
    taken_lane lane(narrow);
    auto const heard = std::make_shared<recorder>();
    circuit_breaker const breaker{trips_after(1)};
    bulkhead const compartment{room_for(5), run_on(narrow)};
    pipeline const p{{.name = "p", .sink = heard}, breaker, compartment, timeout{{.limit = 1h}}};
    scripted<int> op;
    op.returns(42);
    auto const end = world.run(p.run(owning(op)));
    EXPECT_EQ(end.error(), errc::queue_full);
    EXPECT_EQ(end.ended_by(), ended_by::rejection);
    EXPECT_EQ(end.report().policy, "reports");
    EXPECT_EQ(end.attempts(), 0u);
    EXPECT_EQ(op.started(), 0u);
    EXPECT_EQ(breaker.state(), circuit_state::closed);
    EXPECT_EQ(compartment.snapshot().running, 0u);
    EXPECT_EQ(heard->count("rejected"), 1u);
    lane.let_go();
    pool.join();
}

TEST(run_on_a_limited_executor, tries_again_after_a_full_queue_if_told_to)
{
    simulation world;
    asio::thread_pool pool(1);
    limited_executor const narrow{pool, lanes(1, 0)};
    taken_lane lane(narrow);
    auto again = retry_every(1s, 3);
    again.retry_rejected = true;
    pipeline const p{retry{again}, bulkhead{room_for(5), run_on(narrow)}};
    scripted<int> op;
    op.returns(42);
    EXPECT_EQ(world.run(p.run(owning(op))).error(), errc::queue_full);
    EXPECT_EQ(world.elapsed(), 2s);
    lane.let_go();
    pool.join();
}

TEST(run_on_a_limited_executor, lets_go_at_once_of_an_operation_that_still_waits_for_a_lane)
{
    simulation world;
    asio::thread_pool pool(1);
    limited_executor const narrow{pool, lanes(1)};
    taken_lane lane(narrow);
    pipeline const p{timeout{{.limit = 1s}}, bulkhead{room_for(5), run_on(narrow)}};
    scripted<int> op;
    op.returns(42);
    EXPECT_EQ(world.run(p.run(owning(op))).error(), errc::timed_out);
    lane.let_go();
    pool.join();
    EXPECT_EQ(op.started(), 0u);
}

struct gauge
{
    std::atomic<int> now{0};
    std::atomic<int> most{0};
};

asio::awaitable<int> blocks(std::shared_ptr<gauge> g)
{
    auto const running = ++g->now;
    for (auto most = g->most.load(); running > most && !g->most.compare_exchange_weak(most, running);) {}
    std::this_thread::yield();
    --g->now;
    co_return 1;
}

asio::awaitable<void> caller(pipeline p, std::shared_ptr<gauge> g, int count, std::atomic<int>* done)
{
    auto const home = std::this_thread::get_id();
    for (auto i = 0; i < count; ++i) {
        auto const own = owning(blocks);
        auto const end = co_await p.run(own, g);
        if (end.ok() && std::this_thread::get_id() == home) ++*done;
    }
}

void rethrow(std::exception_ptr e)
{
    if (e) std::rethrow_exception(e);
}

TEST(run_on_a_limited_executor, runs_no_more_at_once_than_it_has_lanes_and_resumes_callers_at_home)
{
    asio::thread_pool pool(4);
    auto const g = std::make_shared<gauge>();
    std::atomic<int> done{0};
    {
        limited_executor const two{pool, lanes(2)};
        bulkhead const compartment{room_for(20, 100), run_on(two)};
        pipeline const p{timeout{{.limit = 1h}}, compartment};
        asio::io_context context(1);
        for (auto i = 0; i < 30; ++i) asio::co_spawn(context, caller(p, g, 20, &done), rethrow);
        context.run();
        EXPECT_EQ(compartment.snapshot().running, 0u);
    }
    pool.join();
    EXPECT_EQ(done, 600);
    EXPECT_LE(g->most, 2);
}

// --- threads

/// Sleeps for ever on the pool; counts how it ends.
struct sleepers
{
    std::atomic<int> started{0};
    std::atomic<int> cancelled{0};
};

asio::awaitable<int> sleeps(std::shared_ptr<sleepers> s)
{
    ++s->started;
    auto aborted_here = false;
    try {
        co_await keel::sleep_until(time_point::max());
    } catch (boost::system::system_error const&) {
        aborted_here = true;
    }
    if (aborted_here) ++s->cancelled;
    co_return 0;
}

asio::awaitable<int> counts_down(std::shared_ptr<std::latch> l)
{
    l->count_down();
    co_await keel::sleep_until(time_point::max());
    co_return 0;
}

TEST(run_on_threads, storm_of_calls_of_which_many_are_cancelled_at_any_moment)
{
    asio::thread_pool pool(2);
    auto const s = std::make_shared<sleepers>();
    std::atomic<int> ended{0};
    {
        limited_executor const one{pool, lanes(2, 1000)};
        bulkhead const compartment{room_for(50, 1000), run_on(one)};
        pipeline const p{compartment};
        asio::io_context context(1);
        std::vector<std::unique_ptr<asio::cancellation_signal>> signals;
        for (auto i = 0; i < 300; ++i) {
            signals.push_back(std::make_unique<asio::cancellation_signal>());
            auto call = [](pipeline by, std::shared_ptr<sleepers> g,
                           std::atomic<int>* n) -> asio::awaitable<void> {
                auto const own = owning(sleeps);
                (void)co_await by.run(own, g);
                ++*n;
            };
            asio::co_spawn(context, call(p, s, &ended),
                           asio::bind_cancellation_slot(signals.back()->slot(), rethrow));
        }
        context.poll();
        for (auto& signal : signals) {
            asio::post(context, [&signal] { signal->emit(asio::cancellation_type::terminal); });
            context.poll();
        }
        context.run();
        EXPECT_EQ(compartment.snapshot().running, 0u);
        EXPECT_EQ(compartment.snapshot().waiting, 0u);
    }
    pool.join();
    EXPECT_EQ(ended, 300);
    EXPECT_EQ(s->cancelled, s->started.load());
}

TEST(run_on_threads, a_callers_context_may_go_away_while_the_operation_runs)
{
    asio::thread_pool pool(1);
    bulkhead const compartment{room_for(1), run_on(pool)};
    auto const begun = std::make_shared<std::latch>(1);
    {
        pipeline const p{compartment};
        asio::io_context context(1);
        auto call = [](pipeline by, std::shared_ptr<std::latch> l) -> asio::awaitable<void> {
            auto const op = owning(counts_down);
            (void)co_await by.run(op, l);
        };
        asio::co_spawn(context, call(p, begun), rethrow);
        context.poll();
        begun->wait();
    }
    pool.join(); // returns: the operation was asked to stop
    EXPECT_EQ(compartment.snapshot().running, 0u);
}

TEST(run_on_threads, the_operations_context_may_go_away_while_the_caller_waits)
{
    auto pool = std::make_unique<asio::thread_pool>(1);
    bulkhead const compartment{room_for(1), run_on(*pool)};
    pipeline const p{compartment};
    auto const begun = std::make_shared<std::latch>(1);
    std::optional<outcome<int>> end;
    asio::io_context context(1);
    auto call = [](pipeline by, std::shared_ptr<std::latch> l,
                   std::optional<outcome<int>>* to) -> asio::awaitable<void> {
        auto const op = owning(counts_down);
        to->emplace(co_await by.run(op, l));
    };
    asio::co_spawn(context, call(p, begun, &end), rethrow);
    context.poll();
    begun->wait();
    pool->stop();
    pool.reset();
    context.run();
    ASSERT_TRUE(end);
    EXPECT_EQ(end->error(), aborted());
    EXPECT_EQ(compartment.snapshot().running, 0u);
}

TEST(run_on_threads, an_operation_that_never_began_goes_with_its_context)
{
    auto other = std::make_unique<asio::io_context>(1);
    bulkhead const compartment{room_for(1), run_on(*other)};
    pipeline const p{compartment};
    std::optional<outcome<int>> end;
    asio::io_context context(1);
    auto call = [](pipeline by, std::optional<outcome<int>>* to) -> asio::awaitable<void> {
        auto const op = owning(blocks);
        to->emplace(co_await by.run(op, std::make_shared<gauge>()));
    };
    asio::co_spawn(context, call(p, &end), rethrow);
    context.poll();
    other.reset();
    context.run();
    ASSERT_TRUE(end);
    EXPECT_EQ(end->error(), aborted());
}

asio::awaitable<bool> on_the_strand_of(asio::thread_pool* pool)
{
    auto const executor = co_await asio::this_coro::executor;
    auto const first = std::this_thread::get_id();
    for (auto i = 0; i < 10; ++i) co_await asio::post(executor, asio::deferred);
    co_return pool->get_executor().running_in_this_thread() && first != std::thread::id();
}

TEST(run_on_threads, runs_the_whole_operation_on_the_other_executor)
{
    asio::thread_pool pool(3);
    pipeline const p{bulkhead{room_for(1), run_on(pool)}};
    auto const ask = [](pipeline by, asio::thread_pool* pl) -> asio::awaitable<bool> {
        auto const op = owning(on_the_strand_of);
        co_return co_await by(op, pl);
    };
    EXPECT_TRUE(run_here(ask(p, &pool)));
    pool.join();
}

// --- where it stands

TEST(run_on, is_decided_by_the_innermost_bulkhead_also_of_a_pipeline_inside)
{
    asio::thread_pool outer(1);
    asio::thread_pool inner(1);
    pipeline const nested{bulkhead{room_for(1), run_on(inner)}};
    pipeline const p{bulkhead{room_for(1), run_on(outer)}, timeout{{.limit = 1h}}, nested, bulkhead{}};
    auto const ask = [](pipeline by, asio::thread_pool* pl) -> asio::awaitable<bool> {
        auto const op = owning(on_the_strand_of);
        co_return co_await by(op, pl);
    };
    EXPECT_TRUE(run_here(ask(p, &inner)));
    EXPECT_FALSE(run_here(ask(p, &outer)));
}

TEST(bulkhead_registry_in_pipelines, has_compartments_with_executors_of_their_own)
{
    asio::thread_pool pool(1);
    bulkhead_registry const compartments{{"database", 10}, {"reports", room_for(2), run_on(pool)}};
    auto const ask = [](pipeline by, asio::thread_pool* pl) -> asio::awaitable<bool> {
        auto const op = owning(on_the_strand_of);
        co_return co_await by(op, pl);
    };
    EXPECT_TRUE(run_here(ask(pipeline{compartments.at("reports")}, &pool)));
    EXPECT_FALSE(run_here(ask(pipeline{compartments.at("database")}, &pool)));
}

TEST(bulkhead_registry_in_pipelines, resizes_a_compartment_without_losing_waiters)
{
    simulation world;
    bulkhead_registry const compartments{{"database", 1, 10}};
    pipeline const p{compartments.at("database")};
    scripted<int> op;
    op.takes(1s).returns(42);
    calls all(world);
    for (auto i = 0; i < 5; ++i) all.start(p, op);
    EXPECT_EQ(op.running(), 1u);
    compartments.resize("database", 3, world.clock().now());
    world.clock().settle(world.context());
    EXPECT_EQ(op.running(), 3u);
    compartments.resize("database", 1, world.clock().now());
    world.drain();
    for (std::size_t i = 0; i < 5; ++i) EXPECT_TRUE(all.at(i).ok) << i;
    EXPECT_EQ(all.at(4).at, 3s);
    EXPECT_EQ(compartments.at("database").snapshot().max_concurrent, 1u);
    EXPECT_THROW(compartments.resize("databse", 3), unknown_name);
    EXPECT_THROW(compartments.resize("database", 0), invalid_options);
}

} // namespace
} // namespace keel
