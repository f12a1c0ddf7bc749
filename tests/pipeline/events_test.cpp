#include <keel/pipeline.hpp>

#include "support/calls.hpp"

namespace keel {
namespace {

using lines = std::vector<std::string>;

TEST(the_events_of_a_call, tell_its_story_in_order)
{
    simulation world;
    auto const sink = std::make_shared<recorder>();
    pipeline const p{{.name = "payments", .sink = sink},
                     fallback{7},
                     retry{retry_every(100ms, 3)},
                     circuit_breaker{trips_after(2, 10s)},
                     timeout{{.name = "attempt", .limit = 1s}}};
    scripted<int> op;
    op.fails(reset()).hangs();

    EXPECT_EQ(world.run(p(op)), 7);

    EXPECT_EQ(
        sink->lines(),
        (lines{
            "event=retry_scheduled pipeline=payments policy=retry attempt=1 next_attempt=2 pause=100ms "
            "error=\"Connection reset by peer\" code=system:104",
            "event=timed_out pipeline=payments policy=attempt attempt=2 limit=1s operation=ended",
            "event=circuit_changed pipeline=payments policy=circuit_breaker attempt=2 from=closed to=open",
            "event=retry_scheduled pipeline=payments policy=retry attempt=2 next_attempt=3 pause=100ms "
            "error=\"the time limit passed before the operation gave a result\" code=keel:1",
            "event=rejected pipeline=payments policy=circuit_breaker attempt=2 "
            "error=\"the circuit breaker is open\" code=keel:2 retry_after=9.9s",
            "event=retry_stopped pipeline=payments policy=retry attempt=2 why=not_retryable "
            "error=\"the circuit breaker is open\" code=keel:2",
            "event=fell_back pipeline=payments policy=fallback attempt=2 "
            "error=\"the circuit breaker is open\" code=keel:2",
        }));
}

TEST(the_events_of_a_call, are_none_when_all_is_well)
{
    simulation world;
    auto const sink = std::make_shared<recorder>();
    pipeline const p{{.sink = sink}, timeout{{.limit = 1s}}, retry{}, circuit_breaker{},
                     bulkhead{},     rate_limiter{}};
    scripted<int> op;
    op.takes(1ms).returns(1);

    (void)world.run(p.run(op));

    EXPECT_EQ(sink->lines(), lines{});
}

TEST(the_events_of_a_call, tell_of_every_attempt_to_who_asks_for_all)
{
    simulation world;
    auto const sink = std::make_shared<recorder>(telemetry::severity::debug);
    pipeline const p{{.name = "payments", .instance = "eu", .sink = sink}, retry{retry_every(100ms, 3)}};
    scripted<int> op;
    op.takes(5ms).fails(reset()).takes(2ms).returns(1);

    (void)world.run(p.with(overrides().operation("charge")).run(op));

    EXPECT_EQ(sink->lines(),
              (lines{
                  "event=attempt_ended pipeline=payments instance=eu operation_name=charge attempt=1 "
                  "verdict=failure handled=yes "
                  "took=5ms error=\"Connection reset by peer\" code=system:104",
                  "event=retry_scheduled pipeline=payments instance=eu policy=retry operation_name=charge "
                  "attempt=1 next_attempt=2 pause=100ms error=\"Connection reset by peer\" code=system:104",
                  "event=attempt_ended pipeline=payments instance=eu operation_name=charge attempt=2 "
                  "verdict=success handled=no "
                  "took=2ms",
                  "event=call_ended pipeline=payments instance=eu operation_name=charge attempt=2 "
                  "ended_by=operation verdict=success took=107ms",
              }));
}

TEST(the_events_of_a_call, end_with_one_that_says_how)
{
    simulation world;
    auto const sink = std::make_shared<recorder>(telemetry::severity::debug);
    circuit_breaker const breaker{trips_after(1)};
    pipeline const p{{.sink = sink}, fallback{7}, breaker, timeout{{.limit = 1s}}};
    scripted<int> op;
    op.hangs();

    (void)world.run(p.run(op)); // answered after a timeout
    (void)world.run(p.run(op)); // answered after a refusal

    EXPECT_EQ(sink->count("attempt_ended"), 1U);
    EXPECT_EQ(sink->count("call_ended"), 2U);
    EXPECT_EQ(sink->lines().back(), "event=call_ended pipeline=pipeline ended_by=fallback "
                                    "verdict=success took=0ns");
}

TEST(the_events_of_a_call, tell_whose_operation_was_left_behind_and_has_ended)
{
    simulation world;
    auto const sink = std::make_shared<recorder>();
    pipeline const p{{.name = "payments", .instance = "eu", .sink = sink},
                     timeout{{.limit = 1s, .on_expiry = abandon}}};
    scripted<int> op;
    op.ignoring_cancellation().takes(2s).returns(1);

    (void)world.run(p.with(overrides().operation("charge")).run(owning(op)));
    world.drain();

    EXPECT_EQ(sink->lines().back(), "event=orphan_ended pipeline=payments instance=eu policy=timeout "
                                    "operation_name=charge attempt=1");
}

TEST(a_breaker_with_a_sink_of_its_own, tells_of_resets_refusals_and_what_it_ignores)
{
    simulation world;
    auto const own = std::make_shared<recorder>(telemetry::severity::debug);
    circuit_breaker const breaker{trips_after(1, 1s)};
    breaker.observe(own);
    pipeline const p{breaker};

    auto const call = world.start(
        [](pipeline by) -> asio::awaitable<void> { (void)co_await by.run(scripted<int>().hangs()); }(p));
    call.cancel();
    world.drain();
    breaker.force_open();
    EXPECT_FALSE(breaker.try_acquire());
    breaker.force_close();

    EXPECT_EQ(
        own->lines(),
        (lines{"event=circuit_ignored pipeline=pipeline policy=circuit_breaker attempt=1",
               "event=circuit_changed policy=circuit_breaker from=closed to=forced_open",
               "event=rejected policy=circuit_breaker error=\"the circuit breaker has been forced open\" "
               "code=keel:4",
               "event=circuit_changed policy=circuit_breaker from=forced_open to=closed",
               "event=circuit_reset policy=circuit_breaker"}));
}

/// Notes when a circuit has ignored a call.
class listens_for_ignored final : public telemetry::sink
{
public:
    telemetry::severity least_severity() const noexcept override { return telemetry::severity::debug; }
    void on(telemetry::event const& e) override
    {
        if (auto const* const ignored = std::get_if<telemetry::circuit_ignored>(&e))
            at.push_back(ignored->by.at);
    }

    std::vector<time_point> at;
};

TEST(a_breaker_with_a_sink_of_its_own, tells_of_a_dropped_permit_at_the_time_that_it_knows)
{
    for (auto const slow_call : {std::optional<duration>(), std::optional<duration>(1s)}) {
        auto const own = std::make_shared<listens_for_ignored>();
        circuit_breaker const breaker{{.window = count_window{.size = 10}, .slow_call = slow_call}};
        breaker.observe(own);
        EXPECT_TRUE(breaker.try_acquire(time_point(100s)));
        EXPECT_EQ(own->at, std::vector{time_point(100s)});
    }
}

TEST(a_breaker_with_a_sink_of_its_own, reports_each_change_once_and_there)
{
    simulation world;
    auto const own = std::make_shared<recorder>();
    auto const other = std::make_shared<recorder>();
    circuit_breaker const breaker{trips_after(1, 1s)};
    breaker.observe(own);
    pipeline const p{{.name = "p", .sink = other}, breaker};
    scripted<int> op;
    op.fails(reset()).returns(1);

    (void)world.run(p.run(op));
    world.advance(1s);
    (void)world.run(p.run(op));

    EXPECT_EQ(
        own->lines(),
        (lines{
            "event=circuit_changed pipeline=p policy=circuit_breaker attempt=1 from=closed to=open",
            "event=circuit_changed pipeline=p policy=circuit_breaker from=open to=half_open",
            "event=circuit_changed pipeline=p policy=circuit_breaker attempt=1 from=half_open to=closed"}));
    EXPECT_EQ(other->count("circuit_changed"), 0U);
}

TEST(the_same_seed, gives_the_same_story)
{
    auto const story = [](std::uint64_t seed) {
        simulation world(seed);
        auto const sink = std::make_shared<recorder>();
        pipeline const p{{.sink = sink},
                         retry{{.max_attempts = 8}},
                         circuit_breaker{trips_after(20, 1s)},
                         bulkhead{{.max_concurrent = 2, .max_queue = 3}},
                         timeout{{.limit = 300ms}}};
        scripted<int> op;
        op.takes(100ms).fails(reset()).hangs().takes(200ms).returns(1).fails(reset());
        calls all(world);
        for (auto i = 0; i < 10; ++i) all.start(p, op);
        world.drain();
        return sink->lines();
    };
    EXPECT_EQ(story(3), story(3));
    EXPECT_NE(story(3), story(4));
    EXPECT_GT(story(3).size(), 10U);
}

} // namespace
} // namespace keel
