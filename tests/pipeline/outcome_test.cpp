// What an outcome says of a call.

#include "support/world.hpp"

namespace {

using namespace keel;

std::string why(simulation& world, pipeline const& p, scripted<int> const& op)
{
    auto const end = world.run(p.run(op));
    return end.why();
}

TEST(why, says_that_all_went_well)
{
    simulation world;
    pipeline const p{retry(retry_every(1ms, 3))};
    scripted<int> op;
    op.returns(1).fails(reset()).returns(2);
    EXPECT_EQ(why(world, p, op), "The operation succeeded after one attempt.");
    EXPECT_EQ(why(world, p, op), "The operation succeeded after 2 attempts.");
}

TEST(why, tells_what_failed_how_often_and_why_no_more)
{
    simulation world;
    pipeline const p{retry(retry_every(1ms, 3))};
    scripted<int> op;
    op.fails(reset());
    EXPECT_EQ(why(world, p, op),
              "The operation failed with \"Connection reset by peer\" (system:104) after 3 "
              "attempts; it was not retried again because no attempts were left.");
}

TEST(why, says_that_the_caller_wanted_no_retries)
{
    simulation world;
    pipeline const p{retry(retry_every(1ms, 3))};

    auto const end = world.run(p.with(overrides().no_retry()).run(scripted<int>().fails(reset())));

    EXPECT_EQ(end.why(), "The operation failed with \"Connection reset by peer\" (system:104) after one "
                         "attempt; it was not retried because the caller wanted no retries.");
}

TEST(why, says_so_of_a_refusal_too_whether_anybody_hears_of_it_or_not)
{
    for (auto const& sink : {std::shared_ptr<recorder>(), std::make_shared<recorder>()}) {
        simulation world;
        circuit_breaker const shut;
        shut.force_open();
        pipeline const p{{.sink = sink}, retry(retry_every(1ms, 3)), shut};

        auto const end = world.run(p.with(overrides().no_retry()).run(scripted<int>().returns(1)));

        EXPECT_EQ(end.report().stopped, retry_stop::no_retry);
    }
}

TEST(why, does_not_speak_of_a_pause_when_the_time_was_over)
{
    simulation world;
    pipeline const p{timeout({.limit = 1s}), retry(retry_every(1ms, 3))};

    auto const end = world.run(p.run(scripted<int>().hangs()));

    EXPECT_EQ(end.why(), "The timeout \"timeout\" passed after one attempt; it was not retried because the "
                         "deadline left no time for another attempt.");
}

TEST(why, quotes_an_exception)
{
    simulation world;
    pipeline const p;
    scripted<int> op;
    op.throws(std::runtime_error("no such order")).throws(5);
    EXPECT_EQ(why(world, p, op), "The operation failed with \"no such order\" after one attempt.");
    EXPECT_EQ(why(world, p, op),
              "The operation failed with an exception that is no std::exception after one attempt.");
}

TEST(why, names_the_policy_that_refused)
{
    simulation world;
    circuit_breaker const breaker(trips_after(1));
    breaker.force_open();
    pipeline const p{retry(), breaker};
    EXPECT_EQ(
        why(world, p, scripted<int>().returns(1)),
        "The policy \"circuit_breaker\" refused the call with \"the circuit breaker has been forced open\" "
        "(keel:4) before the operation was started.");
}

TEST(why, names_the_timeout_that_passed)
{
    simulation world;
    pipeline const p{timeout({.name = "attempt", .limit = 1s})};
    EXPECT_EQ(why(world, p, scripted<int>().hangs()), "The timeout \"attempt\" passed after one attempt.");
}

TEST(why, tells_a_deadline_from_a_timeout)
{
    simulation world;
    pipeline const p;
    auto const end = world.run(p.with(overrides().limit(1s)).run(scripted<int>().hangs()));
    EXPECT_EQ(end.why(), "The deadline that the call was given or inherited passed after one attempt.");
}

TEST(why, names_the_fallback_that_answered)
{
    simulation world;
    pipeline const p{fallback(7)};
    EXPECT_EQ(why(world, p, scripted<int>().fails(reset())),
              "The fallback \"fallback\" answered in place of the operation after one attempt.");
}

TEST(why, says_that_a_function_of_the_users_threw)
{
    simulation world;
    pipeline const p{classifier([](int const&) -> verdict { throw std::logic_error("odd"); })};
    EXPECT_EQ(why(world, p, scripted<int>().returns(1)),
              "A function given to the pipeline failed with \"odd\" after one attempt.");
}

TEST(earlier_attempts, are_listed_with_what_became_of_each)
{
    simulation world;
    auto const began = world.clock().now();
    pipeline const p{retry{retry_every(100ms, 4)}, timeout{{.limit = 1s}}};
    scripted<int> op;
    op.takes(5ms).fails(asio::error::connection_refused).hangs().throws(std::logic_error("odd")).returns(1);

    auto const end = world.run(p.run(op));

    EXPECT_TRUE(end.ok());
    auto const& earlier = end.report().earlier;
    ASSERT_EQ(earlier.size(), 3U);
    EXPECT_EQ(earlier[0].why.code, asio::error::connection_refused);
    EXPECT_EQ(earlier[0].ended_by, ended_by::operation);
    EXPECT_EQ(earlier[0].verdict, verdict::failure);
    EXPECT_EQ(earlier[0].attempts, 1U);
    EXPECT_EQ(earlier[2].attempts, 3U);
    EXPECT_EQ(earlier[0].ended, began + 5ms);
    EXPECT_EQ(earlier[0].pause, 100ms);
    EXPECT_EQ(earlier[1].why.code, errc::timed_out);
    EXPECT_EQ(earlier[1].ended_by, ended_by::timeout);
    EXPECT_EQ(explain(earlier[1]), "The timeout \"timeout\" passed");
    EXPECT_EQ(earlier[1].ended, began + 1105ms);
    EXPECT_THROW(std::rethrow_exception(earlier[2].why.exception), std::logic_error);
}

TEST(earlier_attempts, are_none_of_a_call_that_ends_with_its_first)
{
    simulation world;
    auto const of = [&](pipeline const& p, scripted<int> const& op) {
        return world.run(p.run(op)).report().earlier.size();
    };
    EXPECT_EQ(of(pipeline{}, scripted<int>().fails(reset())), 0U);
    EXPECT_EQ(of(pipeline{retry{}}, scripted<int>().returns(1)), 0U);
    EXPECT_EQ(of(pipeline{retry{retry_every(1ms, 1)}}, scripted<int>().fails(reset())), 0U);
}

/// Two calls that return 503, of which one only has a retry: how both end.
std::vector<outcome<int>> race_for_the_only_retry(simulation& world, std::vector<any_part> outside)
{
    outside.emplace_back(
        retry{retry_every(10ms, 2), retry_budget{{.kind = success_bucket{.size = 1, .deposit = 0}}}});
    outside.emplace_back(
        classifier{[](int const& s) { return s < 500 ? verdict::success : verdict::failure; }});
    pipeline const p(pipeline_options{}, outside);
    std::vector<outcome<int>> ends;
    auto const call = [](pipeline through, std::vector<outcome<int>>* to) -> asio::awaitable<void> {
        to->push_back(co_await through.run(scripted<int>().returns(503)));
    };
    world.start(call(p, &ends));
    world.start(call(p, &ends));
    world.drain();
    return ends;
}

TEST(earlier_attempts, do_not_have_the_last_when_the_budget_is_spent_in_its_pause)
{
    simulation world;
    auto const ends = race_for_the_only_retry(world, {});
    ASSERT_EQ(ends.size(), 2U);
    for (auto const& end : ends) EXPECT_EQ(end.report().earlier.size() + 1, end.attempts());
}

TEST(earlier_attempts, have_each_but_once_when_a_fallback_answers_after_the_pause)
{
    simulation world;
    auto const ends = race_for_the_only_retry(world, {fallback(7)});
    ASSERT_EQ(ends.size(), 2U);
    for (auto const& end : ends) EXPECT_EQ(end.report().earlier.size(), end.attempts());
}

TEST(earlier_attempts, have_the_one_before_a_pause_in_which_the_caller_cancels)
{
    simulation world;
    pipeline const p{retry{retry_every(1s, 3)}};
    std::vector<earlier_attempt> earlier;
    auto const call = [](pipeline through, std::vector<earlier_attempt>* to) -> asio::awaitable<void> {
        auto const end = co_await through.run(scripted<int>().fails(reset()));
        *to = end.report().earlier;
    };
    auto const caller = world.start(call(p, &earlier));
    world.advance(100ms);
    caller.cancel();
    world.drain();

    ASSERT_EQ(earlier.size(), 1U);
    EXPECT_EQ(earlier[0].why.code, reset());
    EXPECT_EQ(earlier[0].ended, time_point());
}

TEST(earlier_attempts, have_the_verdict_of_the_retry_that_went_on)
{
    simulation world;
    pipeline const p{judged{retry{retry_every(1ms, 2)},
                            [](int const& s) { return s < 500 ? verdict::success : verdict::failure; }}};

    auto const end = world.run(p.run(scripted<int>().returns(503).returns(200)));

    ASSERT_EQ(end.report().earlier.size(), 1U);
    EXPECT_EQ(end.report().earlier[0].verdict, verdict::failure);
    EXPECT_EQ(explain(end.report().earlier[0]), "The operation failed");
}

TEST(earlier_attempts, are_explained_in_a_few_words)
{
    auto const words = [](failure why, ended_by by) {
        earlier_attempt a;
        a.why = std::move(why);
        a.ended_by = by;
        return explain(a);
    };
    failure const thrown{.code = {}, .exception = std::make_exception_ptr(std::logic_error("odd"))};
    EXPECT_EQ(words(thrown, ended_by::operation), "The operation failed with \"odd\"");
    EXPECT_EQ(words({}, ended_by::operation), "The operation succeeded");
    EXPECT_EQ(words({.code = aborted()}, ended_by::caller), "The caller cancelled the call");
}

TEST(earlier_attempts, have_what_a_fallback_stands_in_for)
{
    simulation world;
    bulkhead const full{{.max_concurrent = 1}};
    auto const held = full.try_acquire(world.clock().now());
    pipeline const p{fallback(7), full};

    auto const end = world.run(p.run(scripted<int>().returns(1)));

    EXPECT_EQ(end.value(), 7);
    ASSERT_EQ(end.report().earlier.size(), 1U);
    EXPECT_EQ(end.report().earlier[0].why.code, errc::bulkhead_full);
    EXPECT_EQ(end.report().earlier[0].ended_by, ended_by::rejection);
    EXPECT_EQ(end.report().earlier[0].policy, "bulkhead");
    EXPECT_EQ(end.report().earlier[0].attempts, 0U);
}

TEST(earlier_attempts, are_the_last_64_of_a_call_that_is_tried_for_long)
{
    simulation world;
    auto const began = world.clock().now();
    pipeline const p{retry{retry_every(1s, 100), no_retry_budget}};

    auto const end = world.run(p.run(scripted<int>().fails(reset())));

    EXPECT_EQ(end.attempts(), 100U);
    ASSERT_EQ(end.report().earlier.size(), 64U);
    EXPECT_EQ(end.report().earlier.front().ended, began + 35s);
    EXPECT_EQ(end.report().earlier.back().ended, began + 98s);
}

} // namespace
