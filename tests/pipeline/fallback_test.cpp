#include <keel/pipeline.hpp>

#include "support/calls.hpp"

#include <boost/system/result.hpp>

#include <array>
#include <cstddef>

namespace keel {
namespace {

TEST(fallback_in_a_pipeline, answers_a_failure_with_a_value)
{
    simulation world;
    auto const sink = std::make_shared<recorder>();
    pipeline const p{{.sink = sink}, fallback{7}};
    scripted<int> op;
    op.fails(reset());

    auto const end = world.run(p.run(op));

    EXPECT_TRUE(end.ok());
    EXPECT_EQ(end.value(), 7);
    EXPECT_EQ(end.ended_by(), ended_by::fallback);
    EXPECT_EQ(end.report().policy, "fallback");
    EXPECT_EQ(sink->count("fell_back"), 1U);
}

/// Can be called, and is a value all the same.
struct grid
{
    std::array<int, 4> cells{};
    int operator()(std::size_t row, std::size_t column) const { return cells[2 * row + column]; }
};

TEST(fallback_in_a_pipeline, answers_with_a_value_that_can_be_called)
{
    simulation world;
    pipeline const p{fallback{grid{{1, 2, 3, 4}}}};
    scripted<grid> op;
    op.fails(reset());
    auto const end = world.run(p.run(op));
    ASSERT_TRUE(end.ok());
    EXPECT_EQ(end.value()(1, 0), 3);
}

TEST(fallback_in_a_pipeline, stays_out_of_the_way_of_a_success)
{
    simulation world;
    auto asked = 0;
    pipeline const p{fallback{[&](failure const&) { return ++asked; }}};
    scripted<int> op;
    op.returns(42);

    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.value(), 42);
    EXPECT_EQ(end.ended_by(), ended_by::operation);
    EXPECT_EQ(asked, 0);
}

TEST(fallback_in_a_pipeline, tells_a_function_what_failed)
{
    simulation world;
    error_code seen;
    pipeline const p{fallback{[&](failure const& why) {
        seen = why.code;
        return 7;
    }}};
    scripted<int> op;
    op.fails(reset());

    EXPECT_EQ(world.run(p(op)), 7);
    EXPECT_EQ(seen, reset());
}

asio::awaitable<int> ask_the_replica()
{
    co_await sleep_for(100ms);
    co_return 7;
}

TEST(fallback_in_a_pipeline, awaits_a_function_that_takes_time)
{
    simulation world;
    pipeline const p{fallback{ask_the_replica}};
    scripted<int> op;
    op.fails(reset());

    EXPECT_EQ(world.run(p(op)), 7);
    EXPECT_EQ(world.elapsed(), 100ms);
}

TEST(fallback_in_a_pipeline, is_bound_by_the_limits_around_it)
{
    simulation world;
    pipeline const p{timeout{{.limit = 50ms}}, fallback{ask_the_replica}};
    scripted<int> op;
    op.fails(reset());

    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.error(), errc::timed_out);
    EXPECT_EQ(end.ended_by(), ended_by::timeout);
    EXPECT_EQ(world.elapsed(), 50ms);
    EXPECT_EQ(end.attempts(), 1U) << "the fallback is not an attempt";
    expect_nothing_left(world);
}

TEST(fallback_in_a_pipeline, is_chosen_by_what_failed)
{
    simulation world;
    auto choices = fallback{}
                       .when(errc::circuit_open, 1)
                       .when(condition::timed_out, 2)
                       .when([](failure const& f) { return f.code == reset(); }, 3)
                       .when(error_code(asio::error::eof), 4);
    pipeline const p{choices, timeout{{.limit = 1s}}};
    scripted<int> op;
    op.hangs().fails(reset()).fails(asio::error::eof).fails(asio::error::access_denied);

    EXPECT_EQ(world.run(p(op)), 2);
    EXPECT_EQ(world.run(p(op)), 3);
    EXPECT_EQ(world.run(p(op)), 4);
    EXPECT_EQ(world.run(p.run(op)).error(), asio::error::access_denied) << "nothing matches: unchanged";
}

TEST(fallback_in_a_pipeline, answers_refusals_of_the_policies_inside_it)
{
    simulation world;
    circuit_breaker const breaker;
    breaker.force_open();
    pipeline const p{fallback{"cached"}, breaker};
    scripted<std::string> op;
    op.returns("fresh");

    EXPECT_EQ(world.run(p(op)), "cached");
}

TEST(fallback_in_a_pipeline, never_hides_a_cancellation_by_the_caller)
{
    simulation world;
    pipeline const p{fallback{7}};
    scripted<int> op;
    op.hangs();
    calls all(world);

    all.start(p, op);
    all.cancel(0);
    world.drain();

    EXPECT_EQ(all.at(0).error, aborted());
    EXPECT_EQ(all.at(0).by, ended_by::caller);
}

TEST(fallback_in_a_pipeline, that_throws_is_the_result)
{
    simulation world;
    pipeline const p{fallback{[](failure const&) -> int { throw std::out_of_range("no cache"); }}};
    scripted<int> op;
    op.fails(reset());

    EXPECT_THROW(world.run(p(op)), std::out_of_range);
    EXPECT_EQ(world.run(p.run(op)).ended_by(), ended_by::fallback);
}

TEST(fallback_in_a_pipeline, that_fails_may_be_answered_by_another_around_it)
{
    simulation world;
    pipeline const p{fallback{7},
                     fallback{[](failure const&) -> int { throw std::out_of_range("no cache"); }}};
    scripted<int> op;
    op.fails(reset());

    EXPECT_EQ(world.run(p(op)), 7);
}

TEST(fallback_in_a_pipeline, answers_inside_a_result_that_carries_errors)
{
    using result = boost::system::result<int, error_code>;
    simulation world;
    pipeline const p{fallback{7}};
    scripted<result> op;
    op.returns(result(reset()));

    EXPECT_EQ(world.run(p(op)).value(), 7);
}

TEST(fallback_in_a_pipeline, serves_operations_that_return_nothing)
{
    simulation world;
    auto asked = 0;
    pipeline const p{fallback{[&](failure const&) { ++asked; }}};
    scripted<void> op;
    op.fails(reset());

    world.run(p(op));
    EXPECT_EQ(asked, 1);
}

TEST(fallback_in_a_pipeline, of_another_type_ends_the_call_before_it_begins)
{
    simulation world;
    fallback words({.name = "words"});
    words.when(any_failure{}, "a string");
    pipeline const p{fallback{1}, words};
    scripted<int> op;
    op.returns(42);

    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.error(), errc::fallback_type_mismatch);
    EXPECT_EQ(end.report().policy, "words");
    EXPECT_EQ(op.started(), 0U);
}

TEST(fallback_in_a_pipeline, has_no_answer_when_a_limit_further_out_has_passed)
{
    simulation world;
    pipeline const p{timeout{{.limit = 1s}}, fallback{7}};
    scripted<int> op;
    op.hangs();

    EXPECT_EQ(world.run(p.run(op)).error(), errc::timed_out);
}

TEST(fallback_in_a_pipeline, makes_a_success_of_it_for_a_breaker_outside)
{
    simulation world;
    circuit_breaker const breaker{trips_after(1)};
    pipeline const p{breaker, fallback{7}};
    scripted<int> op;
    op.fails(reset());

    (void)world.run(p.run(op));
    EXPECT_EQ(breaker.state(), circuit_state::closed);
}

} // namespace
} // namespace keel
