#include <keel/pipeline.hpp>

#include "support/world.hpp"

#include <vector>

namespace keel {
namespace {

TEST(retry_in_a_pipeline, runs_again_until_it_succeeds)
{
    simulation world;
    scripted<int> op;
    op.fails(reset()).fails(reset()).returns(42);
    pipeline const p{retry{retry_every(100ms, 3)}};

    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.value(), 42);
    EXPECT_EQ(end.attempts(), 3U);
    EXPECT_EQ(end.report().stopped, retry_stop::success);
    EXPECT_EQ(world.elapsed(), 200ms);
    expect_nothing_left(world);
}

TEST(retry_in_a_pipeline, gives_the_last_error_back_unchanged_when_attempts_run_out)
{
    simulation world;
    scripted<int> op;
    op.fails(asio::error::connection_refused).fails(reset());
    pipeline const p{retry{retry_every(100ms, 3)}};

    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.error(), reset());
    EXPECT_EQ(end.ended_by(), ended_by::operation);
    EXPECT_EQ(end.attempts(), 3U);
    EXPECT_EQ(end.report().stopped, retry_stop::attempts);
}

TEST(retry_in_a_pipeline, forgets_that_the_call_was_refused_before_its_first_attempt)
{
    simulation world;
    bulkhead const compartment{{.max_concurrent = 1}};
    auto held = compartment.try_acquire(world.clock().now());
    auto options = retry_every(10ms, 2);
    options.retry_rejected = true;
    pipeline const p{retry{options, no_retry_budget}, compartment};
    scripted<int> op;
    op.returns(42);

    auto const call = world.start([](pipeline through, scripted<int> work) -> asio::awaitable<void> {
        auto const end = co_await through.run(work);
        EXPECT_TRUE(end.ok());
        EXPECT_EQ(end.error(), error_code());
        EXPECT_EQ(end.report().verdict, verdict::success);
    }(p, op));
    world.advance(5ms);
    held.settle(verdict::success, world.clock().now());
    world.drain();

    EXPECT_TRUE(call.done());
    EXPECT_EQ(op.started(), 1U);
}

TEST(retry_in_a_pipeline, gives_an_exception_back_as_the_same_object)
{
    struct my_error : std::runtime_error
    {
        using runtime_error::runtime_error;
        int detail = 7;
    };
    simulation world;
    scripted<int> op;
    op.throws(my_error("mine"));
    pipeline const p{retry{retry_every(1ms, 2)}};

    try {
        world.run(p(op));
        FAIL();
    } catch (my_error const& e) {
        EXPECT_STREQ(e.what(), "mine");
        EXPECT_EQ(e.detail, 7);
    }
    EXPECT_EQ(op.started(), 2U);
}

TEST(retry_in_a_pipeline, without_pauses_still_lets_others_run)
{
    simulation world;
    scripted<int> op;
    op.fails(reset());
    retry_options options;
    options.max_attempts = std::nullopt;
    options.max_duration = 1s;
    options.backoff = constant{.base = 0ms};
    pipeline const p{retry{options, no_retry_budget}};
    asio::cancellation_signal signal;
    auto ended = false;
    asio::co_spawn(world.context(), p.run(op),
                   asio::bind_cancellation_slot(signal.slot(),
                                                [&](std::exception_ptr, auto const&...) { ended = true; }));
    for (auto turn = 0; turn < 10; ++turn) EXPECT_TRUE(world.clock().step(world.context()));
    EXPECT_EQ(op.started(), 11U);
    signal.emit(asio::cancellation_type::terminal);
    world.clock().settle(world.context());
    EXPECT_TRUE(ended) << "a cancellation gets through";
}

TEST(retry_in_a_pipeline, asks_the_predicate)
{
    simulation world;
    scripted<int> op;
    op.fails(reset()).fails(asio::error::access_denied).returns(42);
    auto options = retry_every(1ms, 5);
    options.retry_if = [](failure const& f) { return f.code != asio::error::access_denied; };
    pipeline const p{retry{options}};

    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.error(), asio::error::access_denied);
    EXPECT_EQ(end.attempts(), 2U);
    EXPECT_EQ(end.report().stopped, retry_stop::not_retryable);
}

TEST(retry_in_a_pipeline, does_not_begin_a_pause_that_would_reach_the_deadline)
{
    simulation world;
    scripted<int> op;
    op.takes(100ms).fails(reset());
    pipeline const p{timeout{{.limit = 1s}}, retry{retry_every(400ms, 10)}};

    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.error(), reset()) << "the operation's error, not a timeout nobody waited for";
    EXPECT_EQ(end.report().stopped, retry_stop::deadline);
    EXPECT_EQ(end.attempts(), 2U);
    EXPECT_EQ(world.elapsed(), 600ms) << "a third pause would end at the deadline";
    expect_nothing_left(world);
}

TEST(retry_in_a_pipeline, begins_no_attempt_after_max_duration)
{
    simulation world;
    scripted<int> op;
    op.takes(100ms).fails(reset());
    auto options = retry_every(200ms, 1);
    options.max_attempts = std::nullopt;
    options.max_duration = 1s;
    pipeline const p{retry{options, no_retry_budget}};

    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.report().stopped, retry_stop::max_duration);
    EXPECT_EQ(end.attempts(), 4U) << "they begin at 0, 300, 600 and 900 ms";
}

TEST(retry_in_a_pipeline, gives_every_attempt_its_own_time)
{
    simulation world;
    scripted<int> op;
    op.hangs().hangs().returns(42);
    pipeline const p{retry{retry_every(100ms, 3)}, timeout{{.limit = 1s}}};

    EXPECT_EQ(world.run(p(op)), 42);
    EXPECT_EQ(world.elapsed(), 2200ms);
    EXPECT_EQ(op.cancelled(), 2U);
    expect_nothing_left(world);
}

TEST(retry_in_a_pipeline, does_not_retry_when_the_total_time_is_up)
{
    simulation world;
    scripted<int> op;
    op.hangs();
    pipeline const p{timeout{{.name = "total", .limit = 1s}}, retry{retry_every(0ms, 10)}};

    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.error(), errc::timed_out);
    EXPECT_EQ(end.report().policy, "total");
    EXPECT_EQ(end.attempts(), 1U);
    EXPECT_EQ(end.report().stopped, retry_stop::deadline);
}

TEST(retry_in_a_pipeline, keeps_the_arguments_for_every_attempt)
{
    simulation world;
    pipeline const p{retry{retry_every(1ms, 3)}};
    struct calls
    {
        static asio::awaitable<std::string> run(std::string const& text, std::shared_ptr<int> count)
        {
            if (++*count < 3) throw std::runtime_error("again");
            co_return text + "!";
        }
    };
    auto const count = std::make_shared<int>(0);

    EXPECT_EQ(world.run(p(calls::run, std::string("a text too long to be stored inside the string"), count)),
              "a text too long to be stored inside the string!");
    EXPECT_EQ(*count, 3);
}

TEST(retry_in_a_pipeline, draws_its_jitter_from_the_seed)
{
    auto const time_of = [](std::uint64_t seed) {
        simulation world(seed);
        scripted<int> op;
        op.fails(reset());
        retry_options options;
        options.max_attempts = 6;
        pipeline const p{retry{options}};
        (void)world.run(p.run(op));
        return world.elapsed();
    };
    EXPECT_EQ(time_of(7), time_of(7));
    EXPECT_NE(time_of(7), time_of(8));
}

TEST(retry_in_a_pipeline, waits_as_long_as_the_classifier_says)
{
    simulation world;
    scripted<int> op;
    op.returns(503).returns(200);
    pipeline const p{retry{retry_every(10ms, 3)}, classifier{[](int const& status) {
                         return status == 503 ? judgement(verdict::throttled, 2s)
                                              : judgement(verdict::success);
                     }}};

    EXPECT_EQ(world.run(p(op)), 200);
    EXPECT_EQ(world.elapsed(), 2s);
}

TEST(retry_in_a_pipeline, gives_the_value_back_that_the_classifier_calls_a_failure)
{
    simulation world;
    scripted<int> op;
    op.returns(503);
    pipeline const p{retry{retry_every(10ms, 2)},
                     classifier{[](int const& s) { return s < 500 ? verdict::success : verdict::failure; }}};

    auto const end = world.run(p.run(op));

    EXPECT_TRUE(end.has_value());
    EXPECT_FALSE(end.ok());
    EXPECT_EQ(end.value(), 503);
    EXPECT_EQ(end.attempts(), 2U);
    EXPECT_EQ(end.report().verdict, verdict::failure);
}

TEST(retry_in_a_pipeline, gives_the_last_value_back_when_its_budget_is_spent_during_the_pause)
{
    simulation world;
    retry_budget const budget{{.kind = success_bucket{.size = 1, .deposit = 0}}};
    pipeline const p{retry{retry_every(10ms, 2), budget},
                     classifier{[](int const& s) { return s < 500 ? verdict::success : verdict::failure; }}};
    scripted<int> op;
    op.returns(503);
    auto ends = std::vector<outcome<int>>();
    auto const call = [](pipeline through, scripted<int> work,
                         std::vector<outcome<int>>* to) -> asio::awaitable<void> {
        to->push_back(co_await through.run(work));
    };

    auto const first = world.start(call(p, op, &ends));
    auto const second = world.start(call(p, op, &ends));
    world.drain();

    ASSERT_EQ(ends.size(), 2U);
    for (auto const& end : ends) EXPECT_TRUE(end.has_value()) << "after " << end.attempts() << " attempts";
    EXPECT_EQ(ends[0].attempts() + ends[1].attempts(), 3U) << "one of them has got the only retry";
}

TEST(retry_in_a_pipeline, does_not_come_back_earlier_than_a_long_hint_allows)
{
    simulation world;
    scripted<int> op;
    op.returns(503);
    pipeline const p{retry{retry_every(10ms, 5)},
                     classifier{[](int const&) { return judgement(verdict::throttled, 61s); }}};

    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.attempts(), 1U);
    EXPECT_EQ(end.report().stopped, retry_stop::hint_too_long);
    EXPECT_EQ(end.retry_at(), time_point{} + 61s);
    EXPECT_EQ(world.elapsed(), 0s);
}

// --- budgets
// ----------------------------------------------------------------------------------------------------

TEST(a_retry_budget, bounds_the_extra_load_of_all_calls_together)
{
    simulation world;
    retry_budget const budget{{.kind = success_bucket{.size = 5, .deposit = 0.1}}};
    pipeline const p{retry{retry_every(1ms, 3), budget}};
    scripted<int> op;
    op.fails(reset());

    for (auto i = 0; i < 20; ++i) (void)world.run(p.run(op));

    EXPECT_EQ(op.started(), 25U) << "twenty first tries, and the five retries the budget holds";
    EXPECT_EQ(world.run(p.run(op)).report().stopped, retry_stop::budget);
}

TEST(a_retry_budget, is_shared_by_the_pipelines_that_hold_it)
{
    simulation world;
    retry_budget const budget{{.kind = success_bucket{.size = 1, .deposit = 0}}};
    pipeline const a{retry{retry_every(1ms, 2), budget}};
    pipeline const b{retry{retry_every(1ms, 2), budget}};
    scripted<int> op;
    op.fails(reset());

    EXPECT_EQ(world.run(a.run(op)).attempts(), 2U);
    EXPECT_EQ(world.run(b.run(op)).attempts(), 1U);
}

TEST(a_retry_budget, is_earned_back_by_successes)
{
    simulation world;
    retry_budget const budget{{.kind = success_bucket{.size = 1, .deposit = 0.5}}};
    pipeline const p{retry{retry_every(1ms, 2), budget}};
    scripted<int> op;
    op.fails(reset()).fails(reset()).returns(1).returns(1).fails(reset()).returns(1);

    EXPECT_EQ(world.run(p.run(op)).attempts(), 2U);
    EXPECT_EQ(budget.snapshot(world.clock().now()).available, 0U);
    (void)world.run(p.run(op));
    (void)world.run(p.run(op));
    EXPECT_EQ(budget.snapshot(world.clock().now()).available, 1U);
    EXPECT_EQ(world.run(p.run(op)).attempts(), 2U);
}

TEST(a_retry_budget, is_charged_when_the_retry_begins_and_not_during_its_pause)
{
    simulation world;
    retry_budget const budget{{.kind = concurrency_share{.ratio = 0, .min_retries = 1}}};
    pipeline const p{retry{retry_every(1s, 2), budget}};
    scripted<int> op;
    op.fails(reset()).takes(1s).fails(reset());

    auto const call = world.start([](pipeline policies, scripted<int> o) -> asio::awaitable<void> {
        (void)co_await policies.run(o);
    }(p, op));
    world.advance(500ms);
    EXPECT_EQ(budget.snapshot(world.clock().now()).active_retries, 0U) << "backing off";
    EXPECT_EQ(budget.snapshot(world.clock().now()).active_calls, 1U);
    world.advance(1s);
    EXPECT_EQ(budget.snapshot(world.clock().now()).active_retries, 1U) << "running";
    world.drain();
    EXPECT_TRUE(call.done());
    EXPECT_EQ(budget.snapshot(world.clock().now()).active_retries, 0U);
    EXPECT_EQ(budget.snapshot(world.clock().now()).active_calls, 0U);
}

TEST(two_retries, multiply_and_report_the_outer_one)
{
    simulation world;
    scripted<int> op;
    op.fails(reset());
    pipeline const p{retry{retry_every(1ms, 3)}, retry{retry_every(1ms, 2)}};

    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.attempts(), 6U);
    EXPECT_EQ(end.report().stopped, retry_stop::attempts);
}

} // namespace
} // namespace keel
