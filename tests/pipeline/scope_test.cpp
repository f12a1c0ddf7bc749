// A pipeline in a scope: timeouts cut short in place, contexts are inherited, and nobody else is cancelled.

#include "support/world.hpp"

#include <keel/co_spawn.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory_resource>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace {

using namespace keel;

/// What a scope left behind.
template <class T>
struct end_of
{
    std::optional<T> value{};
    std::exception_ptr error{};
    bool done = false;

    auto handler()
    {
        return [this](std::exception_ptr e, T v) {
            error = e;
            if (!e) value.emplace(std::move(v));
            done = true;
        };
    }
};

struct seen
{
    ended_by by{};
    error_code error{};
    std::uint32_t attempts = 0;
    duration at{};
};

asio::awaitable<seen> call(pipeline p, scripted<int> op)
{
    auto const end = co_await p.run(op);
    auto const executor = co_await asio::this_coro::executor;
    co_return seen{end.ended_by(), end.error(), end.attempts(), now(executor).time_since_epoch()};
}

seen in_scope(simulation& world, pipeline const& p, scripted<int> const& op, call_context context = {})
{
    end_of<seen> end;
    keel::co_spawn(world.context(), call(p, op), end.handler(), std::move(context));
    world.drain();
    EXPECT_TRUE(end.done);
    return end.value.value_or(seen{});
}

TEST(a_scope, cuts_an_operation_short_in_place)
{
    simulation world;
    scripted<int> op;
    op.hangs();
    auto const end = in_scope(world, pipeline{timeout{{.limit = 50ms}}}, op);
    EXPECT_EQ(end.by, ended_by::timeout);
    EXPECT_EQ(end.error, errc::timed_out);
    EXPECT_EQ(end.at, 50ms);
    EXPECT_EQ(op.cancelled(), 1u);
    expect_nothing_left(world);
}

TEST(a_scope, is_usable_after_a_timeout)
{
    simulation world;
    scripted<int> op;
    op.hangs().hangs().takes(10ms).returns(7);
    auto const end =
        in_scope(world, pipeline{retry{retry_every(5ms, 3), no_retry_budget}, timeout{{.limit = 50ms}}}, op);
    EXPECT_EQ(end.by, ended_by::operation);
    EXPECT_FALSE(end.error);
    EXPECT_EQ(end.attempts, 3u);
    EXPECT_EQ(end.at, 50ms + 5ms + 50ms + 5ms + 10ms);
    expect_nothing_left(world);
}

TEST(a_scope, keeps_a_result_that_comes_at_the_deadline)
{
    simulation world;
    scripted<int> op;
    op.takes(50ms).returns(1);
    auto const end = in_scope(world, pipeline{timeout{{.limit = 50ms}}}, op);
    EXPECT_EQ(end.by, ended_by::operation);
    EXPECT_FALSE(end.error);
}

TEST(a_scope, waits_for_an_operation_that_does_not_listen)
{
    simulation world;
    scripted<int> op;
    op.takes(80ms).ignoring_cancellation().fails(reset());
    auto const end = in_scope(world, pipeline{timeout{{.limit = 50ms}}}, op);
    EXPECT_EQ(end.by, ended_by::timeout);
    EXPECT_EQ(end.at, 80ms);
    expect_nothing_left(world);
}

TEST(a_scope, says_which_of_two_limits_it_was)
{
    for (auto const outer : {30ms, 90ms}) {
        simulation world;
        scripted<int> op;
        op.hangs();
        pipeline const p{timeout{{.name = "total", .limit = outer}},
                         timeout{{.name = "attempt", .limit = 60ms}}};
        auto const end = in_scope(world, p, op);
        EXPECT_EQ(end.by, ended_by::timeout);
        EXPECT_EQ(end.at, std::min<duration>(outer, 60ms));
    }
}

asio::awaitable<seen> nested(pipeline outer, pipeline inner, scripted<int> op, seen* inside)
{
    auto const end = co_await outer.run(call, inner, op);
    if (end.has_value()) *inside = end.value();
    auto const executor = co_await asio::this_coro::executor;
    co_return seen{end.ended_by(), end.error(), end.attempts(), now(executor).time_since_epoch()};
}

TEST(a_scope, lets_the_inner_pipeline_inherit_the_deadline)
{
    simulation world;
    scripted<int> op;
    op.fails(reset());
    seen inside;
    end_of<seen> end;
    keel::co_spawn(world.context(),
                   nested(pipeline{timeout{{.limit = 100ms}}},
                          pipeline{retry{retry_every(40ms, 10), no_retry_budget}}, op, &inside),
                   end.handler());
    world.drain();
    EXPECT_EQ(inside.by, ended_by::operation) << "no pause reaches the deadline, so the last error is told";
    EXPECT_EQ(inside.error, reset());
    EXPECT_EQ(inside.attempts, 3u) << "at 0, 40 and 80 ms";
    EXPECT_EQ(inside.at, 80ms);
    expect_nothing_left(world);
}

TEST(a_scope, tells_an_inherited_deadline_from_a_cancellation)
{
    simulation world;
    scripted<int> op;
    op.hangs();
    seen inside;
    end_of<seen> end;
    keel::co_spawn(world.context(),
                   nested(pipeline{timeout{{.limit = 100ms}}}, pipeline{timeout{{.limit = 1h}}}, op, &inside),
                   end.handler());
    world.drain();
    EXPECT_EQ(inside.by, ended_by::deadline);
    EXPECT_EQ(inside.error, errc::timed_out);
    EXPECT_EQ(inside.at, 100ms);
    expect_nothing_left(world);
}

TEST(a_scope, shrinks_what_its_context_says)
{
    simulation world;
    scripted<int> op;
    op.hangs();
    auto const end =
        in_scope(world, pipeline{timeout{{.limit = 1h}}}, op, call_context().expiring(time_point{20ms}));
    EXPECT_EQ(end.by, ended_by::deadline);
    EXPECT_EQ(end.at, 20ms);
}

TEST(a_scope, ends_a_call_without_policies_by_its_deadline)
{
    simulation world;
    scripted<int> op;
    op.hangs();
    auto const end = in_scope(world, pipeline{}, op, call_context().expiring(time_point{20ms}));
    EXPECT_EQ(end.by, ended_by::deadline);
    EXPECT_EQ(end.at, 20ms);
}

TEST(a_scope, leaves_the_callers_cancellation_to_the_caller)
{
    simulation world;
    scripted<int> op;
    op.hangs();
    asio::cancellation_signal signal;
    end_of<seen> end;
    keel::co_spawn(world.context(), call(pipeline{timeout{{.limit = 50ms}}}, op),
                   asio::bind_cancellation_slot(signal.slot(), end.handler()));
    world.advance(10ms);
    signal.emit(asio::cancellation_type::terminal);
    world.drain();
    ASSERT_TRUE(end.done);
    ASSERT_TRUE(end.value);
    EXPECT_EQ(end.value->by, ended_by::caller);
    EXPECT_EQ(end.value->at, 10ms);
    expect_nothing_left(world);
}

asio::awaitable<int> unwind_for_a_second()
{
    try {
        co_await sleep_until(time_point::max());
    } catch (boost::system::system_error const&) { // told to stop
    }
    co_await asio::this_coro::throw_if_cancelled(false);
    auto const executor = co_await asio::this_coro::executor;
    asio::cancellation_slot const none;
    auto work = sleep_for(1s);
    auto asleep =
        asio::co_spawn(executor, std::move(work), asio::bind_cancellation_slot(none, asio::use_awaitable));
    co_await std::move(asleep);
    throw boost::system::system_error(aborted());
}

asio::awaitable<seen> call_that_unwinds(pipeline p)
{
    auto const end = co_await p.run(unwind_for_a_second);
    auto const executor = co_await asio::this_coro::executor;
    co_return seen{end.ended_by(), end.error(), end.attempts(), now(executor).time_since_epoch()};
}

TEST(a_scope, knows_who_came_first_when_a_limit_passes_while_the_operation_unwinds)
{
    simulation world;
    asio::cancellation_signal signal;
    pipeline const p{timeout{{.limit = 500ms}}};
    end_of<seen> end;
    keel::co_spawn(world.context(), call_that_unwinds(p),
                   asio::bind_cancellation_slot(signal.slot(), end.handler()));
    world.advance(100ms);
    asio::post(world.context(), [&] { signal.emit(asio::cancellation_type::terminal); });
    world.drain();

    ASSERT_TRUE(end.value);
    EXPECT_EQ(end.value->by, ended_by::caller);
    EXPECT_EQ(end.value->at, 1100ms);
}

TEST(a_scope, hears_of_a_cancellation_that_came_before_it_began)
{
    simulation world;
    scripted<int> op;
    op.hangs();
    asio::cancellation_signal signal;
    end_of<seen> end;
    keel::co_spawn(world.context(), call(pipeline{}, op),
                   asio::bind_cancellation_slot(signal.slot(), end.handler()));
    signal.emit(asio::cancellation_type::terminal);
    world.drain();
    EXPECT_TRUE(end.done);
    EXPECT_EQ(op.running(), 0u);
    EXPECT_EQ(world.elapsed(), 0ms);
    expect_nothing_left(world);
}

asio::awaitable<void> bystander(pipeline p, scripted<int> op, seen* at)
{
    *at = co_await call(std::move(p), std::move(op));
}

asio::awaitable<void> hang() { co_await sleep_until(time_point::max()); }

asio::awaitable<seen> with_a_child(pipeline p, scripted<int> op, seen* child)
{
    auto const executor = co_await asio::this_coro::executor;
    // Asio's own spawn on the scope's executor: the child is not in the scope, and must not find it.
    asio::co_spawn(executor, bystander(p, op, child), asio::detached);
    auto const end = co_await p.run(hang);
    co_return seen{end.ended_by(), end.error(), end.attempts(), now(executor).time_since_epoch()};
}

TEST(a_scope, is_not_that_of_another_coroutine_on_its_executor)
{
    simulation world;
    scripted<int> op;
    op.takes(70ms).returns(1);
    seen child;
    end_of<seen> end;
    keel::co_spawn(world.context(), with_a_child(pipeline{timeout{{.limit = 50ms}}}, op, &child),
                   end.handler());
    world.drain();
    ASSERT_TRUE(end.value);
    EXPECT_EQ(end.value->by, ended_by::timeout);
    EXPECT_EQ(child.by, ended_by::timeout);
    EXPECT_EQ(child.at, 50ms);
    expect_nothing_left(world);
}

/// So large that the coroutine's slot goes elsewhere, and its memory to the next coroutine.
struct large_filter
{
    std::array<std::byte, 256> state{};
    asio::cancellation_type operator()(asio::cancellation_type asked) const
    {
        return asked & asio::cancellation_type::terminal;
    }
};

struct family
{
    std::array<asio::cancellation_signal, 3> signals{};
    std::array<seen, 3> children{};
    call_context told{};
};

asio::awaitable<int> ends_at_once() { co_return 1; }

asio::awaitable<seen> with_a_filter_of_its_own(pipeline p, scripted<int> childs, scripted<int> own,
                                               family* all)
{
    (void)co_await p.run(ends_at_once); // the thread remembers the scope
    auto const executor = co_await asio::this_coro::executor;
    co_await asio::this_coro::reset_cancellation_state(large_filter{});
    for (std::size_t i = 0; i < all->children.size(); ++i)
        asio::co_spawn(executor, bystander(p, childs, &all->children[i]),
                       asio::bind_cancellation_slot(all->signals[i].slot(), asio::detached));
    all->told = co_await this_call();
    co_return co_await call(pipeline{}, own);
}

TEST(a_scope, is_left_by_a_coroutine_that_installs_a_filter)
{
    simulation world;
    scripted<int> childs, own;
    childs.hangs();
    own.takes(300ms).returns(1);
    family all;
    end_of<seen> end;
    keel::co_spawn(world.context(),
                   with_a_filter_of_its_own(pipeline{timeout{{.limit = 20ms}}}, childs, own, &all),
                   end.handler(), call_context().traced_by("4711").expiring(time_point{1s}));
    world.drain();
    for (auto const& child : all.children) {
        EXPECT_EQ(child.by, ended_by::timeout);
        EXPECT_EQ(child.at, 20ms);
    }
    ASSERT_TRUE(end.value);
    EXPECT_EQ(end.value->by, ended_by::operation);
    EXPECT_EQ(end.value->at, 300ms);
    EXPECT_EQ(all.told.trace_id, "4711");
    expect_nothing_left(world);
}

asio::awaitable<seen> with_a_small_filter(pipeline p, scripted<int> op)
{
    co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    co_return co_await call(std::move(p), std::move(op));
}

TEST(a_scope, that_was_left_gives_its_deadline_all_the_same)
{
    simulation world;
    scripted<int> op;
    op.hangs();
    for (auto const limit : {50ms, 10ms}) {
        auto const began = world.elapsed();
        end_of<seen> end;
        keel::co_spawn(world.context(), with_a_small_filter(pipeline{timeout{{.limit = limit}}}, op),
                       end.handler(), call_context().expiring(time_point{began + 20ms}));
        world.drain();
        ASSERT_TRUE(end.value);
        EXPECT_EQ(end.value->by, limit < 20ms ? ended_by::timeout : ended_by::deadline);
        EXPECT_EQ(world.elapsed() - began, std::min<duration>(limit, 20ms));
    }
    expect_nothing_left(world);
}

/// What a coroutine makes of cancellations, and whether it does so as Asio's users do or in Keel's way.
struct filtered
{
    asio::cancellation_type first{};
    asio::cancellation_type then{};
    bool by_keel = false;
};

asio::awaitable<void> let_through(asio::cancellation_type types, bool by_keel)
{
    if (by_keel)
        co_await enable_cancellation(types);
    else
        co_await asio::this_coro::reset_cancellation_state(
            [types](asio::cancellation_type asked) { return asked & types; });
}

asio::awaitable<seen> with_filters(pipeline p, filtered how)
{
    co_await let_through(how.first, how.by_keel);
    if (how.then != how.first) {
        co_await sleep_for(30ms);
        co_await let_through(how.then, how.by_keel);
    }
    auto const end = co_await p.run(unwind_for_a_second);
    auto const executor = co_await asio::this_coro::executor;
    co_await asio::this_coro::throw_if_cancelled(false);
    co_return seen{end.ended_by(), end.error(), end.attempts(), now(executor).time_since_epoch()};
}

using asio::cancellation_type;

seen end_with_filters(filtered how, bool in_scope, duration cancelled_at, cancellation_type type)
{
    simulation world;
    asio::cancellation_signal signal;
    end_of<seen> end;
    pipeline const p{retry{retry_every(1ms, 2), no_retry_budget}, timeout{{.limit = 50ms}}};
    auto token = asio::bind_cancellation_slot(signal.slot(), end.handler());
    if (in_scope)
        keel::co_spawn(world.context(), with_filters(p, how), std::move(token));
    else
        asio::co_spawn(world.context(), with_filters(p, how), std::move(token));
    world.advance(cancelled_at);
    asio::post(world.context(), [&] { signal.emit(type); });
    world.drain();
    EXPECT_TRUE(end.value);
    expect_nothing_left(world);
    return end.value.value_or(seen{});
}

TEST(a_scope, is_cancelled_by_what_its_coroutine_lets_through)
{
    std::vector<filtered> hows{{cancellation_type::none, cancellation_type::terminal}};
    for (auto bits = 0U; bits < 8; ++bits)
        hows.push_back({static_cast<cancellation_type>(bits), static_cast<cancellation_type>(bits)});
    for (auto how : hows)
        for (auto const type :
             {cancellation_type::terminal, cancellation_type::partial, cancellation_type::total})
            for (auto const at : {duration{10ms}, duration{40ms}, duration{90ms}}) {
                how.by_keel = false;
                auto const as_ever = end_with_filters(how, false, at, type);
                // Where terminal ones are not let through, a limit cannot cut short in a scope either.
                auto const may_be_cut = (how.then & cancellation_type::terminal) != cancellation_type::none;
                for (auto const& [by_keel, in_scope] :
                     {std::pair(false, true), std::pair(true, false), std::pair(true, true)}) {
                    if (by_keel && in_scope && !may_be_cut) continue;
                    how.by_keel = by_keel;
                    auto const there = end_with_filters(how, in_scope, at, type);
                    EXPECT_EQ(there.by, as_ever.by) << "at " << to_string(at);
                    EXPECT_EQ(there.attempts, as_ever.attempts) << "at " << to_string(at);
                    EXPECT_EQ(there.at, as_ever.at) << "at " << to_string(at);
                }
            }
}

TEST(a_scope, may_be_destroyed_with_its_context)
{
    for (auto const when : {0ms, 10ms}) {
        simulation world;
        scripted<int> op;
        op.hangs();
        bulkhead const rooms{{.max_concurrent = 1}};
        end_of<seen> end;
        keel::co_spawn(world.context(), call(pipeline{timeout{{.limit = 50ms}}, rooms}, op), end.handler());
        world.advance(when);
        world.destroy();
        EXPECT_FALSE(end.done);
        EXPECT_EQ(op.running(), 0u);
        EXPECT_EQ(rooms.snapshot().running, 0u);
    }
}

asio::awaitable<call_context> ask() { co_return co_await this_call(); }

asio::awaitable<std::vector<call_context>> ask_everywhere(pipeline p)
{
    std::vector<call_context> told;
    auto const outside = co_await this_call();
    told.push_back(outside);
    auto const inside = co_await p(ask);
    told.push_back(inside);
    auto keyed = overrides();
    keyed.idempotency_key("order-7").limit(5ms);
    auto const strict = p.with(std::move(keyed));
    auto const overridden = co_await strict(ask);
    told.push_back(overridden);
    co_return told;
}

TEST(this_call, tells_what_the_scope_and_the_pipeline_know)
{
    simulation world;
    end_of<std::vector<call_context>> end;
    keel::co_spawn(world.context(), ask_everywhere(pipeline{timeout{{.limit = 50ms}}}), end.handler(),
                   call_context().traced_by("abc").on_behalf_of("shop").with_priority(priority::critical));
    world.drain();
    ASSERT_TRUE(end.value);
    auto const& told = *end.value;
    for (auto const& one : told) {
        EXPECT_EQ(one.trace_id, "abc");
        EXPECT_EQ(one.caller, "shop");
        EXPECT_EQ(one.priority, priority::critical);
    }
    EXPECT_EQ(told[0].attempt, 0u);
    EXPECT_EQ(told[0].deadline, time_point::max());
    EXPECT_EQ(told[1].attempt, 1u);
    EXPECT_EQ(told[1].deadline, time_point{50ms});
    EXPECT_EQ(told[2].idempotency_key, "order-7");
    EXPECT_EQ(told[2].deadline, time_point{5ms});
}

asio::awaitable<int> fails_twice(std::vector<call_context>* told)
{
    auto const call = co_await this_call();
    told->push_back(call);
    if (told->size() < 3) throw boost::system::system_error(reset());
    co_return 1;
}

asio::awaitable<int> tries_thrice(pipeline p, std::vector<call_context>* told)
{
    auto const value = co_await p(fails_twice, told);
    co_return value;
}

TEST(this_call, counts_the_attempts)
{
    pipeline const plain{retry{retry_every(1ms, 3), no_retry_budget}};
    pipeline const limited{retry{retry_every(1ms, 3), no_retry_budget}, timeout{{.limit = 50ms}}};
    for (auto const in_a_scope : {true, false}) {
        simulation world;
        std::vector<call_context> told;
        end_of<int> end;
        if (in_a_scope)
            keel::co_spawn(world.context(), tries_thrice(plain, &told), end.handler());
        else
            asio::co_spawn(world.context(), tries_thrice(limited, &told), end.handler());
        world.drain();
        ASSERT_EQ(told.size(), 3U);
        for (std::uint32_t i = 0; i < 3; ++i) EXPECT_EQ(told[i].attempt, i + 1);
    }
}

asio::awaitable<call_context> in_a_scope_inside(call_context own)
{
    auto const executor = co_await asio::this_coro::executor;
    auto asked = keel::co_spawn(executor, ask(), asio::use_awaitable, own);
    auto const told = co_await std::move(asked);
    co_return told;
}

TEST(a_scope_in_a_scope, takes_over_what_it_was_not_told)
{
    auto const outer = call_context()
                           .traced_by("abc")
                           .on_behalf_of("shop")
                           .keyed_by("order-7")
                           .with_priority(priority::critical)
                           .expiring(time_point{1s});
    auto const told_with = [&](call_context own) {
        simulation world;
        end_of<call_context> end;
        keel::co_spawn(world.context(), in_a_scope_inside(std::move(own)), end.handler(), outer);
        world.drain();
        EXPECT_TRUE(end.value);
        return end.value.value_or(call_context());
    };
    auto const all = told_with({});
    EXPECT_EQ(all.trace_id, "abc");
    EXPECT_EQ(all.caller, "shop");
    EXPECT_EQ(all.idempotency_key, "order-7");
    EXPECT_EQ(all.priority, priority::critical);
    EXPECT_EQ(all.deadline, time_point{1s});

    auto const own = told_with(call_context()
                                   .traced_by("def")
                                   .on_behalf_of("till")
                                   .keyed_by("order-8")
                                   .with_priority(priority::background)
                                   .expiring(time_point{2s}));
    EXPECT_EQ(own.trace_id, "def");
    EXPECT_EQ(own.caller, "till");
    EXPECT_EQ(own.idempotency_key, "order-8");
    EXPECT_EQ(own.priority, priority::background);
    EXPECT_EQ(own.deadline, time_point{1s}) << "which it cannot outlast";
}

asio::awaitable<call_context> in_a_scope_inside_a_call(pipeline p)
{
    auto keyed = overrides();
    keyed.idempotency_key("order-9").limit(5ms);
    auto const strict = p.with(std::move(keyed));
    auto const told = co_await strict(in_a_scope_inside, call_context());
    co_return told;
}

TEST(a_scope_in_a_scope, takes_over_the_key_of_the_call_that_it_is_part_of)
{
    for (auto const& p : {pipeline{}, pipeline{timeout{{.limit = 1h, .on_expiry = abandon}}}}) {
        simulation world;
        end_of<call_context> end;
        keel::co_spawn(world.context(), in_a_scope_inside_a_call(p), end.handler());
        world.drain();
        ASSERT_TRUE(end.value);
        EXPECT_EQ(end.value->idempotency_key, "order-9");
        EXPECT_EQ(end.value->deadline, time_point{5ms});
        EXPECT_EQ(end.value->attempt, 0u);
    }
}

asio::awaitable<int> gives_or_throws(bool throws)
{
    if (throws) throw std::runtime_error("thrown");
    co_return 7;
}

asio::awaitable<std::pair<int, int>> with_tuples()
{
    auto const executor = co_await asio::this_coro::executor;
    auto first = keel::co_spawn(executor, gives_or_throws(false), asio::as_tuple(asio::deferred));
    auto const [none, value] = co_await std::move(first);
    auto second = keel::co_spawn(executor, gives_or_throws(true), asio::as_tuple(asio::deferred));
    auto const [thrown, nothing] = co_await std::move(second);
    co_return std::pair(none ? 0 : value, thrown ? 1 : 0);
}

TEST(a_scope, is_started_with_any_completion_token)
{
    simulation world;
    auto value = keel::co_spawn(world.context(), gives_or_throws(false), asio::use_future);
    auto thrown = keel::co_spawn(world.context(), gives_or_throws(true), asio::use_future);
    auto const strand = asio::make_strand(world.context());
    auto is_on_strand = false;
    std::array<std::byte, 1024> memory;
    std::pmr::monotonic_buffer_resource from(memory.data(), memory.size());
    auto handler = [&](std::exception_ptr, int) { is_on_strand = strand.running_in_this_thread(); };
    keel::co_spawn(world.context(), gives_or_throws(false),
                   asio::bind_allocator(std::pmr::polymorphic_allocator<std::byte>(&from),
                                        asio::bind_executor(strand, std::move(handler))));
    end_of<std::pair<int, int>> tuples;
    asio::co_spawn(world.context(), with_tuples(), tuples.handler());
    world.drain();

    EXPECT_EQ(value.get(), 7);
    EXPECT_THROW((void)thrown.get(), std::runtime_error);
    EXPECT_TRUE(is_on_strand);
    ASSERT_TRUE(tuples.value);
    EXPECT_EQ(*tuples.value, std::pair(7, 1));
}

TEST(one_call, may_be_given_a_deadline_of_its_own)
{
    simulation world;
    scripted<int> op;
    op.hangs();
    pipeline const p{timeout{{.limit = 50ms}}};
    for (auto const& [at, by] : {std::pair(20ms, ended_by::deadline), std::pair(80ms, ended_by::timeout)}) {
        auto const began = world.elapsed();
        auto const end = world.run(p.with(overrides().deadline(time_point{began + at})).run(op));
        EXPECT_EQ(end.ended_by(), by);
        EXPECT_EQ(world.elapsed() - began, std::min<duration>(at, 50ms));
    }
    expect_nothing_left(world);
}

TEST(this_call, knows_the_attempt_of_a_timed_call_outside_of_scopes)
{
    simulation world;
    auto const told = world.run([](pipeline p) -> asio::awaitable<call_context> {
        co_return co_await p(ask);
    }(pipeline{timeout{{.limit = 50ms}}}));
    EXPECT_EQ(told.attempt, 1u);
    EXPECT_EQ(told.deadline, time_point{50ms});
}

TEST(this_call, tells_the_defaults_elsewhere)
{
    simulation world;
    auto const told = world.run(ask());
    EXPECT_EQ(told.attempt, 0u);
    EXPECT_EQ(told.deadline, time_point::max());
    EXPECT_EQ(told.priority, priority::normal);
}

} // namespace
