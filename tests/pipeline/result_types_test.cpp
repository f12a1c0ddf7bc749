#include <keel/pipeline.hpp>

#include "support/world.hpp"

#include <boost/system/result.hpp>

#include <tuple>

namespace keel {
namespace {

/// A pipeline of everything, and one that ends every call by a timeout.
pipeline full()
{
    return pipeline{timeout{{.limit = 10s}}, retry{retry_every(1ms, 3)}, circuit_breaker{trips_after(100)},
                    bulkhead{{.max_concurrent = 2}}, timeout{{.limit = 1s}}};
}

/// A pipeline is called by name; these tests use theirs in the same expression, without co_await.
pipeline const& by_name(pipeline const& p) { return p; }

asio::awaitable<void> nothing(std::shared_ptr<int> count)
{
    ++*count;
    co_return;
}

TEST(an_operation_may_return, nothing_at_all)
{
    simulation world;
    auto const count = std::make_shared<int>(0);
    auto const p = full();

    world.run(p(nothing, count));
    EXPECT_TRUE(world.run(p.run(nothing, count)).ok());
    EXPECT_EQ(*count, 2);
}

struct receipt
{
    int const number = 0; ///< It can be moved, but not assigned.
};

asio::awaitable<receipt> print() { co_return receipt{7}; }

TEST(an_operation_may_return, what_cannot_be_assigned)
{
    simulation world;
    auto const p = full();
    auto received = 0;

    EXPECT_EQ(world.run(p.run(print)).value().number, 7);
    p.async_run(world.context().get_executor(), print,
                [&](outcome<receipt> o) { received = o.value().number; });
    world.drain();
    EXPECT_EQ(received, 7);
}

asio::awaitable<std::unique_ptr<int>> move_only()
{
    co_await sleep_for(1ms);
    co_return std::make_unique<int>(42);
}

TEST(an_operation_may_return, what_can_only_be_moved)
{
    simulation world;
    auto const p = full();

    EXPECT_EQ(*world.run(p(move_only)), 42);
    EXPECT_EQ(*world.run(p.run(move_only)).value(), 42);
}

struct alignas(32) wide
{
    int value;
};

asio::awaitable<wide> aligned() { co_return wide{42}; }

TEST(an_operation_may_return, what_is_aligned_widely)
{
    simulation world;
    auto const p = full();
    auto const end = world.run(p.run(aligned));
    EXPECT_EQ(end.ok() ? std::move(end).value().value : 0, 42);
}

struct no_default
{
    explicit no_default(int n) : value(n) {}
    no_default(no_default&&) = default;
    no_default& operator=(no_default&&) = delete;
    int value;
};

asio::awaitable<no_default> without_default()
{
    co_await sleep_for(1ms);
    co_return no_default(42);
}

struct throws_when_moved
{
    explicit throws_when_moved(int n) : value(n) {}
    throws_when_moved(throws_when_moved&& other) noexcept(false) : value(other.value) {}
    int value;
};

asio::awaitable<throws_when_moved> potentially_throwing() { co_return throws_when_moved(42); }

TEST(an_operation_may_return, what_has_no_default_and_cannot_be_assigned)
{
    simulation world;

    EXPECT_EQ(world.run(by_name(full())(without_default)).value, 42);
    EXPECT_EQ(world.run(by_name(pipeline{})(without_default)).value, 42);
    EXPECT_EQ(world.run(by_name(full())(potentially_throwing)).value, 42);
}

using result = boost::system::result<int, error_code>;

TEST(an_operation_may_return, a_result_whose_errors_are_retried_and_never_thrown)
{
    simulation world;
    scripted<result> op;
    op.returns(result(reset())).returns(result(42));
    EXPECT_EQ(*world.run(by_name(full())(op)), 42);
    EXPECT_EQ(op.started(), 2U);

    scripted<result> bad;
    bad.returns(result(reset()));
    auto const end = world.run(by_name(full())(bad));
    EXPECT_EQ(end.error(), reset());
    EXPECT_EQ(bad.started(), 3U);

    scripted<result> slow;
    slow.hangs();
    EXPECT_EQ(world.run(by_name(full())(slow)).error(), errc::timed_out)
        << "our error, in the operation's type";
}

TEST(an_operation_may_return, a_result_that_is_refused_without_an_exception)
{
    simulation world;
    circuit_breaker const breaker;
    breaker.force_open();
    scripted<result> op;
    op.returns(result(42));

    EXPECT_EQ(world.run(by_name(pipeline{breaker})(op)).error(), errc::circuit_forced_open);
}

TEST(an_operation_may_return, a_result_that_throws_all_the_same)
{
    simulation world;
    scripted<result> op;
    op.throws(std::logic_error("a bug"));

    EXPECT_THROW((void)world.run(by_name(full())(op)), std::logic_error);
}

using tuple = std::tuple<error_code, std::string>;

TEST(an_operation_may_return, a_tuple_that_begins_with_an_error_code)
{
    simulation world;
    scripted<tuple> op;
    op.returns(tuple(reset(), "")).returns(tuple(error_code{}, "read"));
    EXPECT_EQ(std::get<1>(world.run(by_name(full())(op))), "read");

    scripted<tuple> slow;
    slow.hangs();
    auto const end = world.run(by_name(full())(slow));
    EXPECT_EQ(std::get<0>(end), errc::timed_out);

    scripted<std::tuple<std::error_code, int>> other;
    other.hangs();
    EXPECT_EQ(std::get<0>(world.run(by_name(full())(other))), std::error_code(error_code(errc::timed_out)));
}

TEST(an_operation_may_return, a_tuple_whose_other_parts_have_no_default)
{
    using odd = std::tuple<error_code, no_default>;
    static_assert(!result_traits<odd>::carries_error, "an error could not be put into it");
    simulation world;
    scripted<odd> slow;
    slow.hangs();

    EXPECT_THROW((void)world.run(by_name(full())(slow)), boost::system::system_error);
}

struct reply
{
    int status = 0;
    std::string body;
};

} // namespace

template <>
struct result_traits<reply>
{
    static constexpr bool carries_error = true;
    using value_type = std::string;
    static error_code error(reply const& r)
    {
        return r.status < 500 ? error_code{} : error_code(asio::error::fault);
    }
    static reply from_error(error_code e) { return {e == errc::timed_out ? 504 : 503, {}}; }
};

namespace {

TEST(an_operation_may_return, a_type_of_the_user_that_was_adapted)
{
    simulation world;
    scripted<reply> op;
    op.returns(reply{500, "oops"}).returns(reply{200, "fine"});
    EXPECT_EQ(world.run(by_name(full())(op)).body, "fine");

    scripted<reply> slow;
    slow.hangs();
    EXPECT_EQ(world.run(by_name(full())(slow)).status, 504);
}

asio::awaitable<int> in_one_ms()
{
    co_await sleep_for(1ms);
    co_return 42;
}

struct wrapped
{
    std::string value;
    error_code code{};
};

} // namespace

template <>
struct result_traits<wrapped>
{
    static constexpr bool carries_error = true;
    using value_type = std::string;
    static error_code error(wrapped const& w) { return w.code; }
    static wrapped from_error(error_code e) { return {{}, e}; }
};

namespace {

asio::awaitable<std::string> a_long_answer()
{
    co_await sleep_for(1ms);
    co_return "an answer too long to be stored inside the string";
}

TEST(an_operation_may_return, an_aggregate_that_a_fallback_fills_from_its_value)
{
    simulation world;
    scripted<wrapped> op;
    op.returns(wrapped{"", reset()});
    pipeline const p{fallback{a_long_answer}};

    EXPECT_EQ(world.run(p(op)).value, "an answer too long to be stored inside the string");
}

TEST(an_operation_may_be, a_function_that_throws_before_it_is_a_coroutine)
{
    simulation world;
    auto calls = 0;
    auto const op = [&]() -> asio::awaitable<int> {
        if (++calls < 3) throw std::runtime_error("no coroutine yet");
        return in_one_ms();
    };
    EXPECT_EQ(world.run(by_name(full())(op)), 42);
    EXPECT_EQ(calls, 3);
}

asio::awaitable<int> use_member(reply r) { co_return r.status; }

TEST(an_operation_may_take, arguments_that_are_moved_in_once_and_kept)
{
    struct op
    {
        static asio::awaitable<int> sum(std::unique_ptr<int> const& a, std::vector<int>& b)
        {
            b.push_back(*a);
            if (b.size() < 3) throw std::runtime_error("again");
            co_return b[0] + b[1] + b[2];
        }
    };
    simulation world;
    auto numbers = std::vector<int>{};

    EXPECT_EQ(world.run(by_name(full())(op::sum, std::make_unique<int>(14), take(numbers))), 42);
    EXPECT_TRUE(numbers.empty()) << "the call had its own";

    reply named{42, "a body"};
    EXPECT_EQ(world.run(by_name(full())(use_member, named)), 42);
    EXPECT_EQ(named.body, "a body") << "a named argument is copied";
    EXPECT_EQ(world.run(by_name(full())(use_member, take(named))), 42);
    EXPECT_TRUE(named.body.empty()) << "unless it is taken";
}

struct service
{
    asio::awaitable<int> get(int n) { co_return base + n; }
    int base = 40;
};

TEST(an_operation_may_be, a_member_function)
{
    simulation world;
    service s;
    EXPECT_EQ(world.run(by_name(full())(&service::get, &s, 2)), 42);
}

TEST(an_empty_pipeline, runs_the_operation_as_it_is)
{
    simulation world;
    scripted<int> op;
    op.returns(42);
    pipeline const p;

    EXPECT_EQ(world.run(p(op)), 42);
    EXPECT_EQ(p.size(), 0U);
    EXPECT_EQ(world.run(p.run(op)).attempts(), 1U);
}

TEST(a_long_pipeline, works_like_a_short_one)
{
    simulation world;
    scripted<int> op;
    op.returns(42);
    timeout const t{{.limit = 1s}};
    bulkhead const b{{.max_concurrent = 100}};
    pipeline const p{t, b, t, b, t, b, t, b, t, b, t, b};

    EXPECT_EQ(world.run(p(op)), 42);
    EXPECT_EQ(b.snapshot().running, 0U);
}

TEST(an_outcome, rethrows_what_there_is_instead_of_a_value)
{
    simulation world;
    scripted<int> op;
    op.throws(std::out_of_range("x")).hangs();
    pipeline const p{timeout{{.limit = 1s}}};

    EXPECT_THROW((void)world.run(p.run(op)).value(), std::out_of_range);
    EXPECT_THROW((void)world.run(p.run(op)).value(), boost::system::system_error);
}

} // namespace
} // namespace keel
