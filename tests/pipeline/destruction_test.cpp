#include <keel/pipeline.hpp>

#include "support/calls.hpp"

#include <optional>

namespace keel {
namespace {

/// Counts the frames it lives in.
struct resident
{
    explicit resident(std::shared_ptr<int> c) : count(std::move(c)) { ++*count; }
    resident(resident const&) = delete;
    ~resident() { --*count; }
    std::shared_ptr<int> count;
};

asio::awaitable<void> call_for_ever(pipeline p, scripted<int> op, std::shared_ptr<int> frames)
{
    resident const here(frames);
    for (;;) (void)co_await p.run(op);
}

struct stage_case
{
    char const* name;
    pipeline p;
    scripted<int> op;
};

std::vector<stage_case> every_stage(bulkhead const& compartment)
{
    scripted<int> hangs;
    hangs.hangs();
    scripted<int> fails;
    fails.fails(reset());
    scripted<int> returns;
    returns.takes(1s).returns(1);
    timeout const limit{{.limit = 1h}};
    return {
        {"running", pipeline{compartment}, hangs},
        {"running under a timeout", pipeline{limit, compartment}, hangs},
        {"running under two", pipeline{limit, compartment, limit}, hangs},
        {"queued", pipeline{bulkhead{{.max_concurrent = 1, .max_queue = 10}}, compartment}, hangs},
        {"queued under a timeout", pipeline{limit, bulkhead{{.max_concurrent = 1, .max_queue = 10}}}, hangs},
        {"backing off", pipeline{compartment, retry{retry_every(1h, 5)}}, fails},
        {"backing off under a timeout",
         pipeline{timeout{{.limit = 5h}}, compartment, retry{retry_every(1h, 5)}}, fails},
        {"waiting for a permit",
         pipeline{compartment, rate_limiter{{.permits = 1, .per = 1h, .max_wait = 9h}}}, returns},
        {"in an inner pipeline", pipeline{limit, compartment}, hangs},
    };
}

TEST(destroying_the_context, ends_every_call_whatever_it_was_doing)
{
    bulkhead const compartment{{.max_concurrent = 100}};
    for (auto const& stage : every_stage(compartment)) {
        SCOPED_TRACE(stage.name);
        auto const frames = std::make_shared<int>(0);
        simulation world;
        for (auto i = 0; i < 3; ++i) world.start(call_for_ever(stage.p, stage.op, frames));
        world.advance(90s);
        EXPECT_EQ(*frames, 3);

        world.destroy();

        EXPECT_EQ(*frames, 0);
        EXPECT_EQ(stage.op.running(), 0U);
        EXPECT_EQ(compartment.snapshot().running, 0U) << "permits come home";
        EXPECT_EQ(compartment.snapshot().waiting, 0U);
    }
}

asio::awaitable<int> through(pipeline p, scripted<int> op) { co_return co_await p(op); }

TEST(destroying_the_context, ends_nested_pipelines_inner_first)
{
    auto const frames = std::make_shared<int>(0);
    bulkhead const compartment{{.max_concurrent = 1}};
    pipeline const inner{timeout{{.limit = 1h}}, compartment};
    pipeline const outer{timeout{{.limit = 2h}}, retry{retry_every(1s, 3)}};
    scripted<int> op;
    op.hangs();
    {
        simulation world;
        world.start(
            [](pipeline o, pipeline i, scripted<int> work, std::shared_ptr<int> f) -> asio::awaitable<void> {
                resident const here(f);
                (void)co_await o.run(through, i, work);
            }(outer, inner, op, frames));
        world.advance(1min);
        EXPECT_EQ(*frames, 1);
    }
    EXPECT_EQ(*frames, 0);
    EXPECT_EQ(compartment.snapshot().running, 0U);
}

asio::awaitable<int> deaf(std::shared_ptr<int> frames)
{
    resident const here(frames);
    scripted<int> op;
    op.takes(10h).ignoring_cancellation().returns(1);
    co_return co_await op();
}

TEST(destroying_the_context, ends_orphans_and_takes_their_permits_home)
{
    auto const frames = std::make_shared<int>(0);
    bulkhead const compartment{{.max_concurrent = 1}};
    pipeline const p{timeout{{.limit = 1s, .on_expiry = abandon}}, compartment};
    {
        simulation world;
        EXPECT_EQ(world.run(p.run(deaf, frames)).error(), errc::timed_out);
        EXPECT_EQ(*frames, 1);
        EXPECT_EQ(compartment.snapshot().running, 1U);
    }
    EXPECT_EQ(*frames, 0);
    EXPECT_EQ(p.orphans(), 0U);
    EXPECT_EQ(compartment.snapshot().running, 0U);
}

TEST(destroying_the_context, with_a_call_that_has_been_handed_a_permit_gives_the_permit_back)
{
    bulkhead const compartment{{.max_concurrent = 1, .max_queue = 5}};
    pipeline const p{compartment};
    scripted<int> op;
    op.hangs();
    auto const frames = std::make_shared<int>(0);
    auto held = compartment.try_acquire(time_point{});
    {
        simulation world;
        world.start(call_for_ever(p, op, frames));
        EXPECT_EQ(compartment.snapshot().waiting, 1U);
        held.settle(verdict::success, time_point{}); // the hand-over is on its way when the context goes
        EXPECT_EQ(compartment.snapshot().running, 1U);
    }
    EXPECT_EQ(*frames, 0);
    EXPECT_EQ(op.started(), 0U);
    EXPECT_EQ(compartment.snapshot().running, 0U);
}

TEST(destroying_the_context, after_the_signal_that_could_have_cancelled_its_calls)
{
    bulkhead const compartment{{.max_concurrent = 1, .max_queue = 5}};
    auto const frames = std::make_shared<int>(0);
    scripted<int> op;
    op.hangs();
    asio::io_context context(1);
    {
        asio::cancellation_signal signals[3];
        pipeline const queued{compartment};
        pipeline const supervised{timeout{{.limit = 1h}}};
        auto const nothing = [](std::exception_ptr) {};
        asio::co_spawn(context, call_for_ever(queued, op, frames),
                       asio::bind_cancellation_slot(signals[0].slot(), nothing));
        asio::co_spawn(context, call_for_ever(queued, op, frames),
                       asio::bind_cancellation_slot(signals[1].slot(), nothing));
        asio::co_spawn(context, call_for_ever(supervised, op, frames),
                       asio::bind_cancellation_slot(signals[2].slot(), nothing));
        context.poll();
        EXPECT_EQ(*frames, 3);
    }
    // The sanitizer is the judge here: nothing may touch a slot of a signal that is gone.
}

TEST(destroying_the_last_handle, leaves_calls_in_flight_what_they_need)
{
    simulation world;
    calls all(world);
    scripted<int> op;
    op.takes(1s).fails(reset()).takes(1s).returns(42);
    {
        std::optional<pipeline> p;
        p.emplace(pipeline_options{.name = "gone"}, timeout{{.limit = 1min}}, retry{retry_every(1s, 3)},
                  circuit_breaker{trips_after(9)}, bulkhead{{.max_concurrent = 1, .max_queue = 5}});
        all.start(*p, op);
        all.start(*p, op);
        world.advance(500ms);
        p.reset();
    }
    world.drain();

    EXPECT_TRUE(all.at(0).ok);
    EXPECT_TRUE(all.at(1).ok);
}

TEST(destroying_an_awaitable, that_was_never_awaited_does_nothing)
{
    simulation world;
    scripted<int> op;
    op.returns(1);
    bulkhead const compartment{{.max_concurrent = 1}};
    pipeline const p{compartment};
    {
        auto const lazy = p(op);
    }
    EXPECT_EQ(op.started(), 0U);
    EXPECT_EQ(compartment.snapshot().running, 0U);
}

} // namespace
} // namespace keel
