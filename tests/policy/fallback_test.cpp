#include <keel/policy/fallback.hpp>

#include "support/printers.hpp"

#include <boost/system/errc.hpp>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <stdexcept>

namespace {

using namespace keel;
using policy::fallback;

constexpr bool by_caller = true;
constexpr bool not_by_caller = false;

failure failed_with(error_code code) { return {.code = code}; }

error_code refused_connection() { return make_error_code(boost::system::errc::connection_refused); }

std::optional<std::size_t> choose(fallback const& f, error_code code)
{
    return f.choose(failed_with(code), not_by_caller);
}

TEST(fallback, a_life_answers_with_the_first_alternative_that_matches)
{
    fallback f(fallback_options{});
    EXPECT_EQ(choose(f, errc::circuit_open), std::nullopt) << "there is no alternative yet";
    f.add(error_code(errc::rate_limited));
    f.add(error_condition(condition::rejected));
    f.add(any_failure{});
    EXPECT_EQ(f.snapshot().alternatives, 3U);
    EXPECT_EQ(choose(f, errc::rate_limited), 0U);
    EXPECT_EQ(choose(f, errc::circuit_open), 1U);
    EXPECT_EQ(choose(f, errc::timed_out), 2U);
    EXPECT_EQ(choose(f, refused_connection()), 2U);
}

TEST(fallback, a_failure_that_nothing_matches_goes_through)
{
    fallback f(fallback_options{});
    f.add(error_code(errc::rate_limited));
    f.add(error_condition(condition::timed_out));
    f.add(std::function<bool(failure const&)>([](failure const&) { return false; }));
    EXPECT_EQ(choose(f, errc::circuit_open), std::nullopt);
    EXPECT_EQ(choose(f, error_code{}), std::nullopt);
}

TEST(fallback, alternatives_stand_in_the_order_in_which_they_were_added)
{
    fallback f(fallback_options{});
    f.add(any_failure{});
    f.add(error_code(errc::circuit_open));
    EXPECT_EQ(choose(f, errc::circuit_open), 0U);
}

TEST(fallback, a_cancellation_by_the_caller_matches_nothing)
{
    fallback f(fallback_options{});
    auto asked = 0;
    f.add(std::function<bool(failure const&)>([&](failure const&) { return ++asked > 0; }));
    f.add(any_failure{});
    EXPECT_EQ(f.choose(failed_with(make_error_code(boost::system::errc::operation_canceled)), by_caller),
              std::nullopt);
    EXPECT_EQ(f.choose(failed_with(errc::timed_out), by_caller), std::nullopt);
    EXPECT_EQ(asked, 0);
}

TEST(fallback, an_error_code_matches_itself_and_not_its_group)
{
    fallback f(fallback_options{});
    f.add(error_code(errc::circuit_open));
    EXPECT_EQ(choose(f, errc::circuit_open), 0U);
    EXPECT_EQ(choose(f, errc::circuit_half_open), std::nullopt);
    EXPECT_EQ(choose(f, {static_cast<int>(errc::circuit_open), boost::system::system_category()}),
              std::nullopt);
}

TEST(fallback, a_group_of_others_matches_their_errors)
{
    fallback f(fallback_options{});
    f.add(make_error_condition(boost::system::errc::connection_refused));
    EXPECT_EQ(choose(f, {static_cast<int>(boost::system::errc::connection_refused),
                         boost::system::system_category()}),
              0U);
    EXPECT_EQ(choose(f, errc::circuit_open), std::nullopt);
}

TEST(fallback, a_function_sees_the_whole_failure)
{
    fallback f(fallback_options{});
    f.add(std::function<bool(failure const&)>([](failure const& what) {
        return what.exception != nullptr && what.from_policy && what.retry_at == time_point{};
    }));
    failure what;
    EXPECT_EQ(f.choose(what, not_by_caller), std::nullopt);
    what.exception = std::make_exception_ptr(std::runtime_error("broken"));
    what.from_policy = true;
    what.retry_at = time_point{};
    EXPECT_EQ(f.choose(what, not_by_caller), 0U);
}

TEST(fallback, a_function_is_not_asked_when_an_earlier_alternative_matches)
{
    fallback f(fallback_options{});
    auto asked = 0;
    f.add(error_code(errc::circuit_open));
    f.add(std::function<bool(failure const&)>([&](failure const&) { return ++asked > 0; }));
    EXPECT_EQ(choose(f, errc::circuit_open), 0U);
    EXPECT_EQ(asked, 0);
    EXPECT_EQ(choose(f, errc::timed_out), 1U);
    EXPECT_EQ(asked, 1);
}

TEST(fallback, what_a_function_throws_reaches_the_one_who_asked)
{
    fallback f(fallback_options{});
    f.add(std::function<bool(failure const&)>(
        [](failure const&) -> bool { throw std::runtime_error("no idea"); }));
    f.add(any_failure{});
    EXPECT_THROW(choose(f, errc::timed_out), std::runtime_error);
}

TEST(fallback, any_failure_matches_one_that_carries_no_code)
{
    fallback f(fallback_options{});
    f.add(any_failure{});
    EXPECT_EQ(choose(f, error_code{}), 0U);
}

TEST(fallback, every_name_is_in_range)
{
    EXPECT_TRUE(validate(fallback_options{}).empty());
    EXPECT_TRUE(validate(fallback_options{.name = ""}).empty());
    EXPECT_EQ(fallback(fallback_options{.name = "last known price"}).options().name, "last known price");
}

} // namespace
