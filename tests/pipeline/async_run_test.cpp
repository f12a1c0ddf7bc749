// Calls by callers that are no coroutine: every kind of completion token.

#include "support/world.hpp"

#include <keel/co_spawn.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <tuple>

namespace {

using namespace keel;

/// Where a callback puts what it was given.
template <class T>
struct answer_box
{
    std::optional<outcome<T>> got{};
    std::size_t times = 0;

    auto handler()
    {
        return [this](outcome<T> o) {
            got = std::move(o);
            ++times;
        };
    }
};

pipeline patient() { return pipeline(retry(retry_every(10ms, 3)), timeout({.limit = 100ms})); }

TEST(async_run, gives_a_callback_the_outcome)
{
    simulation world;
    auto const p = patient();
    scripted<int> op;
    op.fails(reset()).takes(5ms).returns(7);
    answer_box<int> box;

    p.async_run(world.context().get_executor(), op, box.handler());
    EXPECT_EQ(box.times, 0U);
    expect_nothing_left(world);

    ASSERT_EQ(box.times, 1U);
    EXPECT_EQ(box.got->value(), 7);
    EXPECT_EQ(box.got->attempts(), 2U);
}

TEST(async_run, gives_an_operation_of_void_an_outcome_too)
{
    simulation world;
    auto const p = patient();
    scripted<void> op;
    op.returns();
    answer_box<void> box;

    p.async_run(world.context().get_executor(), op, box.handler());
    expect_nothing_left(world);

    ASSERT_TRUE(box.got);
    EXPECT_TRUE(box.got->ok());
}

TEST(async_run, does_not_throw_what_the_operation_threw)
{
    simulation world;
    auto const p = patient();
    scripted<int> op;
    op.throws(std::runtime_error("broken"));
    answer_box<int> box;

    p.async_run(world.context().get_executor(), op, box.handler());
    expect_nothing_left(world);

    ASSERT_TRUE(box.got);
    EXPECT_THROW(box.got->value(), std::runtime_error);
}

TEST(async_run, ends_a_call_that_hangs_at_its_timeout)
{
    simulation world;
    pipeline const p{timeout({.limit = 100ms})};
    scripted<int> op;
    op.hangs();
    answer_box<int> box;

    p.async_run(world.context().get_executor(), op, box.handler());
    expect_nothing_left(world);

    ASSERT_TRUE(box.got);
    EXPECT_EQ(box.got->error(), errc::timed_out);
    EXPECT_EQ(box.got->ended_by(), ended_by::timeout);
    EXPECT_EQ(op.running(), 0U);
}

TEST(async_run, fulfils_a_future_from_a_thread_pool)
{
    asio::thread_pool pool(2);
    auto const p = patient();

    auto const one = [] { return [](int n) -> asio::awaitable<int> { co_return n; }(1); };
    auto future = p.async_run(asio::make_strand(pool), one, asio::use_future);

    EXPECT_EQ(future.get().value(), 1);
    pool.join();
}

TEST(async_run, refuses_a_future_without_an_executor)
{
    auto const p = patient();
    scripted<int> op;
    EXPECT_THROW((void)p.async_run(op, asio::use_future), std::invalid_argument);
}

TEST(async_run, can_be_deferred_and_starts_only_then)
{
    simulation world;
    auto const p = patient();
    scripted<int> op;
    op.returns(3);
    answer_box<int> box;

    auto later = p.async_run(world.context().get_executor(), op, asio::deferred);
    world.drain();
    EXPECT_EQ(op.started(), 0U);

    std::move(later)(box.handler());
    world.drain();
    ASSERT_TRUE(box.got);
    EXPECT_EQ(box.got->value(), 3);
}

asio::awaitable<int> sum_of_two_calls(pipeline p, scripted<int> op)
{
    auto const first = co_await p.async_run(op, asio::use_awaitable);
    auto const [second] = co_await p.async_run(op, asio::as_tuple(asio::use_awaitable));
    co_return first.value() + second.value();
}

TEST(async_run, can_be_awaited_and_runs_where_the_coroutine_does)
{
    simulation world;
    scripted<int> op;
    op.takes(5ms).returns(4);
    EXPECT_EQ(world.run(sum_of_two_calls(patient(), op)), 8);
}

TEST(async_run, runs_where_its_handler_is_bound_to)
{
    simulation world;
    auto const strand = asio::make_strand(world.context());
    auto const p = patient();
    scripted<bool> op;
    op.makes([strand] { return strand.running_in_this_thread(); });
    auto handler_in_strand = false;
    auto operation_in_strand = false;

    p.async_run(op, asio::bind_executor(strand, [&](outcome<bool> o) {
                    operation_in_strand = o.value();
                    handler_in_strand = strand.running_in_this_thread();
                }));
    world.drain();

    EXPECT_TRUE(operation_in_strand);
    EXPECT_TRUE(handler_in_strand);
}

TEST(async_run, completes_a_handler_on_its_own_executor)
{
    simulation world;
    auto const strand = asio::make_strand(world.context());
    auto const p = patient();
    scripted<bool> op;
    op.makes([strand] { return strand.running_in_this_thread(); });
    auto handler_in_strand = false;
    auto operation_in_strand = true;

    p.async_run(world.context().get_executor(), op, asio::bind_executor(strand, [&](outcome<bool> o) {
                    operation_in_strand = o.value();
                    handler_in_strand = strand.running_in_this_thread();
                }));
    world.drain();

    EXPECT_FALSE(operation_in_strand);
    EXPECT_TRUE(handler_in_strand);
}

/// Counts what is allocated through it.
template <class T>
struct counting_allocator
{
    using value_type = T;

    explicit counting_allocator(std::size_t& c) : count(&c) {}
    template <class U>
    counting_allocator(counting_allocator<U> const& other) : count(other.count)
    {}

    T* allocate(std::size_t n)
    {
        ++*count;
        return std::allocator<T>().allocate(n);
    }
    void deallocate(T* p, std::size_t n) { std::allocator<T>().deallocate(p, n); }
    friend bool operator==(counting_allocator const&, counting_allocator const&) = default;

    std::size_t* count;
};

TEST(async_run, uses_the_allocator_of_its_handler)
{
    simulation world;
    auto const strand = asio::make_strand(world.context());
    auto const p = patient();
    scripted<int> op;
    op.returns(1);
    answer_box<int> box;
    std::size_t allocated = 0;

    auto const allocator = counting_allocator<std::byte>(allocated);
    p.async_run(world.context().get_executor(), op,
                asio::bind_allocator(allocator, asio::bind_executor(strand, box.handler())));
    world.drain();

    EXPECT_EQ(box.times, 1U);
    EXPECT_GT(allocated, 0U);
}

class async_run_cancelled : public ::testing::TestWithParam<asio::cancellation_type>
{};

TEST_P(async_run_cancelled, ends_as_the_callers)
{
    simulation world;
    pipeline const p{bulkhead({.max_concurrent = 1}), timeout({.limit = 1s})};
    scripted<int> op;
    op.hangs();
    answer_box<int> box;
    asio::cancellation_signal stop;

    p.async_run(world.context().get_executor(), op, asio::bind_cancellation_slot(stop.slot(), box.handler()));
    world.advance(10ms);
    EXPECT_EQ(op.running(), 1U);
    stop.emit(GetParam());
    expect_nothing_left(world);

    auto const terminal = (GetParam() & asio::cancellation_type::terminal) != asio::cancellation_type::none;
    ASSERT_EQ(box.times, 1U);
    EXPECT_EQ(box.got->ended_by(), terminal ? ended_by::caller : ended_by::timeout);
    EXPECT_EQ(op.running(), 0U);
}

INSTANTIATE_TEST_SUITE_P(type, async_run_cancelled,
                         ::testing::Values(asio::cancellation_type::terminal,
                                           asio::cancellation_type::partial, asio::cancellation_type::total));

TEST(async_run, is_cancelled_no_matter_how_soon)
{
    simulation world;
    auto const p = patient();
    scripted<int> op;
    op.hangs();
    answer_box<int> box;
    asio::cancellation_signal stop;

    p.async_run(world.context().get_executor(), op, asio::bind_cancellation_slot(stop.slot(), box.handler()));
    stop.emit(asio::cancellation_type::terminal);
    world.drain();

    ASSERT_EQ(box.times, 1U);
    EXPECT_EQ(box.got->error(), aborted());
    EXPECT_EQ(box.got->ended_by(), ended_by::caller);
    EXPECT_EQ(world.elapsed(), 0ms);
}

TEST(async_run, turns_what_kept_the_call_from_beginning_into_an_outcome)
{
    auto const cancelled = std::make_exception_ptr(boost::system::system_error(aborted()));
    auto const end = detail::outcome_of<int>(cancelled);
    EXPECT_EQ(end.error(), aborted());
    EXPECT_EQ(end.ended_by(), ended_by::caller);
    EXPECT_FALSE(end.ok());

    auto const starved = detail::outcome_of<int>(std::make_exception_ptr(std::bad_alloc()));
    EXPECT_EQ(starved.ended_by(), ended_by::operation);
    EXPECT_THROW((void)starved.value(), std::bad_alloc);
}

TEST(async_run, takes_overrides)
{
    simulation world;
    auto const p = patient();
    scripted<int> op;
    op.fails(reset());
    answer_box<int> box;

    p.with(overrides().no_retry()).async_run(world.context().get_executor(), op, box.handler());
    world.drain();

    ASSERT_TRUE(box.got);
    EXPECT_EQ(box.got->attempts(), 1U);
}

TEST(async_run, inherits_the_deadline_of_the_scope_it_is_started_in)
{
    simulation world;
    pipeline const p{retry(retry_every(10ms, 2)), timeout({.limit = 1s})};
    scripted<int> op;
    op.hangs();
    std::optional<outcome<int>> end;

    auto const request = [&]() -> asio::awaitable<void> {
        end = co_await p.async_run(op, asio::use_awaitable);
    };
    auto const deadline = now(world.context().get_executor()) + 200ms;
    keel::co_spawn(world.context(), request, asio::detached, call_context().expiring(deadline));
    expect_nothing_left(world);

    ASSERT_TRUE(end);
    EXPECT_EQ(end->ended_by(), ended_by::deadline);
}

TEST(async_run, destroys_the_handler_of_a_call_whose_context_dies)
{
    auto const alive = std::make_shared<int>(0);
    {
        simulation world;
        auto const p = patient();
        scripted<int> op;
        op.hangs();
        p.async_run(world.context().get_executor(), op, [alive](outcome<int>) { ADD_FAILURE(); });
        world.advance(10ms);
        EXPECT_EQ(alive.use_count(), 2);
    }
    EXPECT_EQ(alive.use_count(), 1);
}

} // namespace
