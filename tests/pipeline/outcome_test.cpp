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

} // namespace
