// The end of a context full of calls.

#include "support/calls.hpp"

#include <keel/co_spawn.hpp>

#include <boost/asio/detached.hpp>

#include <optional>
#include <vector>

namespace {

using namespace keel;

asio::awaitable<void> stop_and_report(graceful_stop stop, drain_options options,
                                      std::shared_ptr<std::optional<drain_report>> to)
{
    *to = co_await stop.drain(options);
}

/// A drain that runs beside the calls.
class draining
{
public:
    draining(simulation& world, graceful_stop const& stop, drain_options options)
        : handle_(world.start(stop_and_report(stop, options, report_)))
    {}

    bool done() const { return report_->has_value(); }
    drain_report const& report() const { return report_->value(); }
    void cancel() { handle_.cancel(); }

private:
    std::shared_ptr<std::optional<drain_report>> report_ = std::make_shared<std::optional<drain_report>>();
    keel::testing::started handle_;
};

/// Calls in a scope of their own, as a server makes them.
struct scoped_calls
{
    std::vector<std::shared_ptr<std::optional<outcome<int>>>> ends{};

    void start(simulation& world, pipeline const& p, scripted<int> const& op)
    {
        auto const end = ends.emplace_back(std::make_shared<std::optional<outcome<int>>>());
        p.async_run(world.context().get_executor(), op, [end](outcome<int> o) { *end = std::move(o); });
    }
};

TEST(a_graceful_stop, lets_finish_cancels_and_leaves)
{
    simulation world;
    graceful_stop const stop(world.context());
    bulkhead const places({.max_concurrent = 100});
    pipeline const p{places, timeout({.limit = 1h})};
    scoped_calls quick;
    scoped_calls slow;
    scoped_calls deaf;
    scripted<int> const soon = scripted<int>().takes(30ms).returns(1);
    scripted<int> const late = scripted<int>().takes(10s).returns(2);
    scripted<int> const never = scripted<int>().ignoring_cancellation().takes(10s).returns(3);
    for (auto i = 0; i < 60; ++i) quick.start(world, p, soon);
    for (auto i = 0; i < 35; ++i) slow.start(world, p, late);
    for (auto i = 0; i < 5; ++i) deaf.start(world, p, never);
    world.advance(0ms);
    EXPECT_EQ(stop.calls(), 100U);

    draining const drain(world, stop, {.grace = 50ms, .unwind = 50ms});
    world.advance(100ms);

    ASSERT_TRUE(drain.done());
    EXPECT_EQ(drain.report().finished, 60U);
    EXPECT_EQ(drain.report().cancelled, 35U);
    EXPECT_EQ(drain.report().left, 5U);
    EXPECT_EQ(drain.report().took, 100ms);
    for (auto const& end : quick.ends) EXPECT_EQ((*end)->value(), 1);
    for (auto const& end : slow.ends) EXPECT_EQ((*end)->ended_by(), ended_by::shutdown);
    EXPECT_EQ(places.snapshot().running, 5U);

    world.drain(); // those that are deaf finish, and keep what they have got
    for (auto const& end : deaf.ends) EXPECT_EQ((*end)->value(), 3);
    EXPECT_EQ(stop.calls(), 0U);
}

TEST(a_graceful_stop, refuses_calls_that_come_after_it)
{
    simulation world;
    graceful_stop const stop(world.context());
    pipeline const p{fallback(7), retry()};
    draining const drain(world, stop, {});
    world.drain();
    EXPECT_TRUE(drain.done());

    scripted<int> op;
    op.returns(1);
    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.error(), errc::shutting_down);
    EXPECT_EQ(end.ended_by(), ended_by::shutdown);
    EXPECT_EQ(end.attempts(), 0U);
    EXPECT_EQ(op.started(), 0U);
    EXPECT_EQ(end.why(), "The context was being stopped before the operation was started.");
}

TEST(a_graceful_stop, ends_as_soon_as_the_last_call_has)
{
    simulation world;
    graceful_stop const stop(world.context());
    calls all(world);
    all.start(pipeline(), scripted<int>().takes(20ms).returns(1));
    world.advance(0ms);

    draining const drain(world, stop, {.grace = 1h});
    world.advance(20ms);

    ASSERT_TRUE(drain.done());
    EXPECT_EQ(drain.report().took, 20ms);
    EXPECT_EQ(drain.report().finished, 1U);
}

/// A pipeline that keeps its call in one of the places where a call can be.
struct place
{
    char const* name;
    std::function<pipeline()> around;
    scripted<int> op;
};

class a_graceful_stop_finds : public ::testing::TestWithParam<place>
{};

TEST_P(a_graceful_stop_finds, the_call_and_ends_it)
{
    for (auto const in_scope : {false, true}) {
        simulation world;
        graceful_stop const stop(world.context());
        auto const p = GetParam().around();
        calls plain(world);
        scoped_calls scoped;
        if (in_scope)
            scoped.start(world, p, GetParam().op);
        else
            plain.start(p, GetParam().op);
        world.advance(1ms);
        ASSERT_EQ(stop.calls(), 1U);

        draining const drain(world, stop, {.grace = 0ms, .unwind = 1s});
        world.advance(0ms);

        ASSERT_TRUE(drain.done()) << "in_scope " << in_scope;
        EXPECT_EQ(drain.report().cancelled, 1U);
        auto const by = in_scope ? (*scoped.ends[0])->ended_by() : plain.at(0).by;
        EXPECT_EQ(by, ended_by::shutdown);
        expect_nothing_left(world);
    }
}

pipeline behind_a_full_bulkhead()
{
    static bulkhead const full({.max_concurrent = 1, .max_queue = 5});
    static auto const taken = full.try_acquire();
    return pipeline(full);
}

INSTANTIATE_TEST_SUITE_P(
    place, a_graceful_stop_finds,
    ::testing::Values(
        place{"running", [] { return pipeline(); }, scripted<int>().hangs()},
        place{"timed", [] { return pipeline(timeout({.limit = 1h})); }, scripted<int>().hangs()},
        place{"pausing", [] { return pipeline(retry(retry_every(1h, 3))); }, scripted<int>().fails(reset())},
        place{"queued", behind_a_full_bulkhead, scripted<int>().returns(1)},
        place{"reserved",
              [] {
                  rate_limiter const slow({.permits = 1, .per = 1h, .max_wait = 24h, .initial = 0});
                  return pipeline(slow);
              },
              scripted<int>().returns(1)}),
    [](auto const& p) { return std::string(p.param.name); });

asio::awaitable<int> call_inside(pipeline inner)
{
    co_await sleep_for(10ms);
    auto const one = []() -> asio::awaitable<int> { co_return 5; };
    auto const end = co_await inner.run(one);
    co_return end.ok() ? end.value() : -1;
}

TEST(a_graceful_stop, lets_calls_finish_what_they_need_other_calls_for)
{
    for (auto const in_scope : {false, true}) {
        simulation world;
        graceful_stop const stop(world.context());
        pipeline const inner{timeout({.limit = 1s})};
        pipeline const outer{timeout({.limit = 1s})};
        auto const op = [inner] { return call_inside(inner); };
        auto end = std::make_shared<std::optional<outcome<int>>>();
        auto const request = [](pipeline p, std::function<asio::awaitable<int>()> f,
                                std::shared_ptr<std::optional<outcome<int>>> to) -> asio::awaitable<void> {
            *to = co_await p.run(f);
        };
        if (in_scope)
            keel::co_spawn(world.context(), request(outer, op, end), asio::detached);
        else
            (void)world.start(request(outer, op, end));
        world.advance(1ms);

        draining const drain(world, stop, {.grace = 1s});
        world.drain();

        ASSERT_TRUE(*end);
        EXPECT_EQ((*end)->value(), 5) << "in_scope " << in_scope;
        EXPECT_EQ(drain.report().finished, 2U);
    }
}

TEST(a_graceful_stop, can_be_cancelled_and_tried_again)
{
    simulation world;
    graceful_stop const stop(world.context());
    calls all(world);
    all.start(pipeline(), scripted<int>().hangs());
    world.advance(0ms);

    draining impatient(world, stop, {.grace = 1h});
    world.advance(1ms);
    impatient.cancel();
    world.advance(0ms);
    EXPECT_FALSE(impatient.done());
    EXPECT_EQ(stop.calls(), 1U);

    draining const again(world, stop, {.grace = 1s});
    world.drain();
    ASSERT_TRUE(again.done());
    EXPECT_EQ(again.report().cancelled, 1U);
}

TEST(a_graceful_stop, is_not_drained_twice_at_a_time)
{
    simulation world;
    graceful_stop const stop(world.context());
    graceful_stop const same(world.context());
    scoped_calls all;
    all.start(world, pipeline(timeout({.limit = 1h})), scripted<int>().hangs());
    world.advance(0ms);
    draining const first(world, stop, {.grace = 50ms, .unwind = 50ms});
    world.advance(10ms);
    EXPECT_THROW((void)world.run(same.drain()), std::logic_error);
    world.advance(100ms);
    ASSERT_TRUE(first.done());
    EXPECT_EQ(first.report().cancelled, 1U);
    EXPECT_EQ(world.run(same.drain()).left, 0U);
}

TEST(a_graceful_stop, goes_down_with_its_context)
{
    simulation world;
    graceful_stop const stop(world.context());
    calls all(world);
    all.start(pipeline(timeout({.limit = 1h})), scripted<int>().hangs());
    draining const drain(world, stop, {.grace = 1h});
    world.advance(1ms);
    world.destroy();
    EXPECT_FALSE(drain.done());
}

TEST(a_graceful_stop, knows_nothing_of_calls_that_are_older)
{
    simulation world;
    calls all(world);
    all.start(pipeline(), scripted<int>().takes(1h).returns(1));
    world.advance(0ms);
    graceful_stop const stop(world.context());
    EXPECT_EQ(stop.calls(), 0U);
    world.drain();
    EXPECT_TRUE(all.at(0).ok);
}

} // namespace
