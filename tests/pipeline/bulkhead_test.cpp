#include <keel/pipeline.hpp>

#include "support/calls.hpp"

namespace keel {
namespace {

TEST(bulkhead_in_a_pipeline, runs_some_queues_some_and_refuses_the_rest)
{
    simulation world;
    bulkhead const compartment{{.max_concurrent = 2, .max_queue = 1}};
    pipeline const p{compartment};
    scripted<int> op;
    op.takes(1s).returns(42);
    calls all(world);

    for (auto i = 0; i < 4; ++i) all.start(p, op);

    EXPECT_EQ(op.running(), 2U);
    EXPECT_EQ(compartment.snapshot().waiting, 1U);
    EXPECT_EQ(all.at(3).error, errc::bulkhead_full);
    world.drain();
    EXPECT_EQ(all.at(0).at, 1s);
    EXPECT_EQ(all.at(1).at, 1s);
    EXPECT_TRUE(all.at(2).ok);
    EXPECT_EQ(all.at(2).at, 2s);
    EXPECT_EQ(compartment.snapshot().running, 0U);
}

TEST(bulkhead_in_a_pipeline, hands_permits_over_first_in_first_out)
{
    simulation world;
    bulkhead const compartment{{.max_concurrent = 1, .max_queue = 10}};
    pipeline const p{compartment};
    scripted<int> op;
    op.takes(1s).returns(42);
    calls all(world);

    for (auto i = 0; i < 6; ++i) all.start(p, op);
    world.drain();

    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(all.at(i).at, std::chrono::seconds(i + 1));
}

TEST(bulkhead_in_a_pipeline, does_not_let_a_newcomer_overtake)
{
    simulation world;
    bulkhead const compartment{{.max_concurrent = 1, .max_queue = 10}};
    pipeline const p{compartment};
    scripted<int> op;
    op.takes(1s).returns(42);
    calls all(world);
    all.start(p, op);
    all.start(p, op);

    world.advance(1s);
    EXPECT_FALSE(static_cast<bool>(compartment.try_acquire(world.clock().now())))
        << "the freed permit has an owner";
    world.drain();
    EXPECT_TRUE(all.at(1).ok);
}

TEST(bulkhead_in_a_pipeline, counts_the_wait_against_the_calls_time)
{
    simulation world;
    bulkhead const compartment{{.max_concurrent = 1, .max_queue = 10}};
    pipeline const p{timeout{{.limit = 1s}}, compartment};
    scripted<int> op;
    op.takes(700ms).returns(42);
    calls all(world);

    all.start(p, op);
    all.start(p, op);
    all.start(p, op);
    world.drain();

    EXPECT_TRUE(all.at(0).ok);
    EXPECT_EQ(all.at(1).error, errc::timed_out) << "300 ms were left when its turn came";
    EXPECT_EQ(all.at(1).at, 1s);
    EXPECT_EQ(all.at(2).error, errc::timed_out);
    EXPECT_EQ(compartment.snapshot().running, 0U);
    EXPECT_EQ(compartment.snapshot().waiting, 0U);
    EXPECT_EQ(all.at(2).at, 1s);
    EXPECT_EQ(op.started(), 2U);
    expect_nothing_left(world);
}

TEST(bulkhead_in_a_pipeline, ends_a_wait_after_max_wait)
{
    simulation world;
    bulkhead const compartment{{.max_concurrent = 1, .max_queue = 10, .max_wait = 300ms}};
    pipeline const p{compartment};
    scripted<int> op;
    op.takes(1s).returns(42);
    calls all(world);

    all.start(p, op);
    all.start(p, op);
    world.drain();

    EXPECT_EQ(all.at(1).error, errc::bulkhead_wait_expired);
    EXPECT_EQ(all.at(1).error, condition::rejected);
    EXPECT_EQ(all.at(1).at, 300ms);
    EXPECT_EQ(op.started(), 1U);
}

TEST(bulkhead_in_a_pipeline, lets_a_waiter_leave_without_losing_or_gaining_a_permit)
{
    simulation world;
    bulkhead const compartment{{.max_concurrent = 1, .max_queue = 10}};
    pipeline const p{compartment};
    scripted<int> op;
    op.takes(1s).returns(42);
    calls all(world);
    for (auto i = 0; i < 4; ++i) all.start(p, op);

    all.cancel(2);
    world.drain();

    EXPECT_EQ(all.at(2).error, aborted());
    EXPECT_EQ(all.at(2).by, ended_by::caller);
    EXPECT_EQ(all.at(2).at, 0s);
    EXPECT_EQ(all.at(1).at, 2s);
    EXPECT_EQ(all.at(3).at, 3s) << "the order of the others is unchanged";
    EXPECT_EQ(compartment.snapshot().running, 0U);
}

TEST(bulkhead_in_a_pipeline, passes_the_permit_on_when_the_waiter_is_cancelled_in_the_same_instant)
{
    simulation world;
    bulkhead const compartment{{.max_concurrent = 1, .max_queue = 10}};
    pipeline const p{compartment};
    scripted<int> op;
    op.takes(1s).returns(42);
    calls all(world);
    for (auto i = 0; i < 3; ++i) all.start(p, op);

    auto held = compartment.try_acquire(world.clock().now());
    EXPECT_FALSE(static_cast<bool>(held));
    all.cancel(0); // its permit goes to call 1 when call 0 unwinds ...
    world.clock().settle(world.context());
    EXPECT_EQ(compartment.snapshot().running, 1U);
    all.cancel(1); // ... which is cancelled while it runs, so it goes to call 2
    world.drain();

    EXPECT_EQ(all.at(1).error, aborted());
    EXPECT_TRUE(all.at(2).ok);
    EXPECT_EQ(compartment.snapshot().running, 0U);
    EXPECT_EQ(compartment.snapshot().waiting, 0U);
}

asio::awaitable<void> release_and_cancel(permit held, testing::started waiter)
{
    held.settle(verdict::success, time_point{}); // hands over: the waiter's wake-up is now on its way
    waiter.cancel();                             // and it is cancelled before it arrives
    co_return;
}

TEST(bulkhead_in_a_pipeline, gives_the_permit_back_when_it_was_handed_to_a_call_that_is_cancelled)
{
    simulation world;
    bulkhead const compartment{{.max_concurrent = 1, .max_queue = 10}};
    pipeline const p{compartment};
    scripted<int> op;
    op.takes(1s).returns(42);
    auto held = compartment.try_acquire(world.clock().now());
    auto waiter = world.start([](pipeline policies, scripted<int> o) -> asio::awaitable<void> {
        (void)co_await policies(o);
    }(p, op));
    EXPECT_EQ(compartment.snapshot().waiting, 1U);

    world.start(release_and_cancel(std::move(held), waiter));
    world.drain();

    EXPECT_TRUE(waiter.done());
    EXPECT_NE(waiter.error(), nullptr);
    EXPECT_EQ(op.started(), 0U);
    EXPECT_EQ(compartment.snapshot().running, 0U);
    EXPECT_TRUE(static_cast<bool>(compartment.try_acquire(world.clock().now())));
}

TEST(bulkhead_in_a_pipeline, does_not_hold_its_permit_during_the_pause_of_a_retry_outside_it)
{
    simulation world;
    bulkhead const compartment{{.max_concurrent = 1}};
    pipeline const p{retry{retry_every(1s, 2)}, compartment};
    scripted<int> op;
    op.fails(reset()).returns(42);
    calls all(world);

    all.start(p, op);
    world.advance(500ms);
    EXPECT_EQ(compartment.snapshot().running, 0U);
    world.drain();
    EXPECT_TRUE(all.at(0).ok);
}

TEST(bulkhead_in_a_pipeline, holds_its_permit_during_the_pause_of_a_retry_inside_it)
{
    simulation world;
    bulkhead const compartment{{.max_concurrent = 1}};
    pipeline const p{compartment, retry{retry_every(1s, 2)}};
    scripted<int> op;
    op.fails(reset()).returns(42);
    calls all(world);

    all.start(p, op);
    world.advance(500ms);
    EXPECT_EQ(compartment.snapshot().running, 1U);
    world.drain();
    EXPECT_EQ(compartment.snapshot().running, 0U);
}

TEST(bulkhead_registry_in_pipelines, keeps_one_kind_of_work_from_starving_another)
{
    simulation world;
    bulkhead_registry const compartments{{"database", 10}, {"file_io", 1}};
    pipeline const files{compartments.at("file_io")};
    pipeline const queries{compartments.at("database")};
    scripted<int> op;
    op.takes(1s).returns(42);
    calls all(world);

    all.start(files, op);
    all.start(files, op);
    all.start(queries, op);
    world.drain();

    EXPECT_EQ(all.at(1).error, errc::bulkhead_full);
    EXPECT_TRUE(all.at(2).ok);
    EXPECT_THROW((void)compartments.at("databse"), unknown_name);
}

} // namespace
} // namespace keel
