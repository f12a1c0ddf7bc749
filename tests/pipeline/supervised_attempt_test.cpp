// Operations that are spawned because their call is under a limit and in no scope.

#include "support/world.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/version.hpp>

#include <memory>
#include <stdexcept>

namespace {

using namespace keel;

using token = std::shared_ptr<int>;

asio::awaitable<int> is_ready(token t) { co_return *t; }

asio::awaitable<int> takes_turns(token t)
{
    for (auto i = 0; i < 3; ++i) co_await asio::post(asio::use_awaitable);
    co_return *t;
}

asio::awaitable<int> throws_before_it_is_a_coroutine(token) { throw std::logic_error("odd"); }

pipeline timed(bulkhead const& compartment) { return pipeline{compartment, timeout{{.limit = 1s}}}; }

template <class Operation>
asio::awaitable<void> call_often(pipeline p, Operation op, token t, int* succeeded)
{
    for (auto i = 0; i < 100; ++i) {
        auto const end = co_await p.run(op, t);
        *succeeded += static_cast<int>(end.ok());
    }
}

TEST(a_supervised_attempt, leaves_nothing_in_the_queue_when_its_operation_is_ready)
{
    asio::io_context context(1);
    auto const t = std::make_shared<int>(1);
    auto succeeded = 0;
    asio::co_spawn(context, call_often(timed(bulkhead()), is_ready, t, &succeeded), asio::detached);

    // From 1.36 on, Asio itself posts the end of what it has spawned.
    auto const most = BOOST_ASIO_VERSION < 103600 ? 2U : 101U;
    EXPECT_LE(context.run(), most) << "the caller's first step and its last";
    EXPECT_EQ(succeeded, 100);
    EXPECT_EQ(t.use_count(), 1);
}

TEST(a_supervised_attempt, ends_also_where_nothing_runs_at_once)
{
    asio::io_context context(1);
    auto const later = asio::require(context.get_executor(), asio::execution::blocking.never);
    auto const t = std::make_shared<int>(1);
    bulkhead const compartment;
    auto ready = 0, slow = 0, thrown = 0;
    asio::co_spawn(later, call_often(timed(compartment), is_ready, t, &ready), asio::detached);
    asio::co_spawn(later, call_often(timed(compartment), takes_turns, t, &slow), asio::detached);
    asio::co_spawn(later, call_often(timed(compartment), throws_before_it_is_a_coroutine, t, &thrown),
                   asio::detached);
    context.run();

    EXPECT_EQ(ready, 100);
    EXPECT_EQ(slow, 100);
    EXPECT_EQ(thrown, 0);
    EXPECT_EQ(compartment.snapshot().running, 0U);
    EXPECT_EQ(t.use_count(), 1);
}

TEST(a_supervised_attempt, goes_with_its_context_also_before_it_has_begun)
{
    for (auto handlers = 0; handlers < 20; ++handlers) {
        auto const t = std::make_shared<int>(1);
        bulkhead const compartment;
        auto succeeded = 0;
        {
            asio::io_context context(1);
            auto const later = asio::require(context.get_executor(), asio::execution::blocking.never);
            asio::co_spawn(later, call_often(timed(compartment), takes_turns, t, &succeeded), asio::detached);
            for (auto i = 0; i < handlers; ++i) context.run_one();
        }
        EXPECT_EQ(compartment.snapshot().running, 0U) << "after " << handlers << " handlers";
        EXPECT_EQ(t.use_count(), 1) << "after " << handlers << " handlers";
    }
}

TEST(a_supervised_attempt, takes_what_the_function_throws_for_the_operations_failure)
{
    simulation world;
    auto const t = std::make_shared<int>(1);
    for (auto const on_expiry : {cooperate, abandon}) {
        pipeline const p{timeout{{.limit = 1s, .on_expiry = on_expiry}}};
        auto const end = world.run(p.run(throws_before_it_is_a_coroutine, t));
        ASSERT_TRUE(end.exception());
        EXPECT_THROW(std::rethrow_exception(end.exception()), std::logic_error);
        EXPECT_EQ(end.attempts(), 1U);
    }
}

/// The machine has no descriptor left for the first timer of the context.
class no_timer : public time_source
{
public:
    explicit no_timer(asio::execution_context& context) : time_source(context) {}

protected:
    void earliest_moved(time_point) override
    {
        throw boost::system::system_error(asio::error::no_descriptors);
    }
};

TEST(a_supervised_attempt, is_cut_short_and_not_left_behind_when_there_is_no_timer)
{
    asio::io_context context(1);
    asio::make_service<no_timer>(context);
    auto const t = std::make_shared<int>(1);
    bulkhead const compartment;
    error_code error;
    asio::co_spawn(
        context,
        [](pipeline p, token with, error_code* to) -> asio::awaitable<void> {
            auto const end = co_await p.run(takes_turns, with);
            *to = end.error();
        }(timed(compartment), t, &error),
        asio::detached);
    context.run();

    EXPECT_EQ(error, errc::timed_out);
    EXPECT_EQ(compartment.snapshot().running, 0U);
    EXPECT_EQ(t.use_count(), 1);
}

TEST(a_pause, ends_the_call_by_what_there_was_instead_of_a_timer)
{
    asio::io_context context(1);
    asio::make_service<no_timer>(context);
    bulkhead const compartment;
    error_code error;
    asio::co_spawn(
        context,
        [](pipeline p, error_code* to) -> asio::awaitable<void> {
            try {
                (void)co_await p.run(throws_before_it_is_a_coroutine, nullptr);
            } catch (boost::system::system_error const& e) {
                *to = e.code();
            }
        }(pipeline{retry{retry_every(1s, 2)}, compartment}, &error),
        asio::detached);
    context.run();

    EXPECT_EQ(error, asio::error::no_descriptors);
    EXPECT_EQ(compartment.snapshot().running, 0U);
}

} // namespace
