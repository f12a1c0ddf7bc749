#include <keel/core/error.hpp>

#include "support/printers.hpp"

#include <boost/system/errc.hpp>
#include <boost/system/system_error.hpp>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace {

using namespace keel;

struct entry
{
    errc error;
    int value;
    bool rejected;
    bool timed_out;
    bool transient;
};

std::vector<entry> const all_errors{
    {errc::timed_out, 1, false, true, true},
    {errc::circuit_open, 2, true, false, true},
    {errc::circuit_half_open, 3, true, false, true},
    {errc::circuit_forced_open, 4, true, false, true},
    {errc::bulkhead_full, 5, true, false, true},
    {errc::bulkhead_wait_expired, 6, true, false, true},
    {errc::rate_limited, 7, true, false, true},
    {errc::unknown_name, 8, true, false, false},
    {errc::fallback_type_mismatch, 9, true, false, false},
    {errc::operation_not_owned, 10, true, false, false},
    {errc::queue_full, 11, true, false, true},
    {errc::registry_full, 12, true, false, true},
    {errc::shutting_down, 13, false, false, false},
};

constexpr auto all_conditions = {condition::rejected, condition::timed_out, condition::transient};

error_code unknown_code() { return {999, keel_category()}; }

TEST(error, a_code_of_ours_becomes_an_error_code_in_the_category_keel)
{
    error_code const code = errc::circuit_open;
    EXPECT_TRUE(code.failed());
    EXPECT_EQ(code.category(), keel_category());
    EXPECT_STREQ(code.category().name(), "keel");
    EXPECT_EQ(code.message(), "the circuit breaker is open");
    EXPECT_EQ(code, errc::circuit_open);
    EXPECT_NE(code, errc::circuit_half_open);
}

TEST(error, the_numbers_are_those_that_were_published)
{
    for (auto const& e : all_errors) EXPECT_EQ(make_error_code(e.error).value(), e.value) << e.error;
}

TEST(error, every_error_has_a_message_of_its_own)
{
    std::set<std::string> messages;
    for (auto const& e : all_errors) {
        auto const message = make_error_code(e.error).message();
        EXPECT_FALSE(message.empty());
        EXPECT_NE(message, unknown_code().message()) << e.value;
        EXPECT_TRUE(messages.insert(message).second) << message;
    }
}

TEST(error, every_error_belongs_to_the_groups_its_comment_promises)
{
    for (auto const& e : all_errors) {
        auto const code = make_error_code(e.error);
        EXPECT_EQ(code == condition::rejected, e.rejected) << e.error;
        EXPECT_EQ(code == condition::timed_out, e.timed_out) << e.error;
        EXPECT_EQ(code == condition::transient, e.transient) << e.error;
    }
}

TEST(error, a_number_nobody_published_belongs_to_no_group)
{
    EXPECT_EQ(unknown_code().message(), "unknown keel error");
    for (auto const group : all_conditions) EXPECT_FALSE(unknown_code() == group);
    for (auto const group : all_conditions) EXPECT_FALSE((error_code{0, keel_category()} == group));
}

TEST(error, the_errors_of_others_belong_to_no_group_of_ours)
{
    auto const theirs = make_error_code(boost::system::errc::timed_out);
    auto const success = error_code{};
    for (auto const group : all_conditions) {
        EXPECT_FALSE(theirs == group);
        EXPECT_FALSE(success == group);
    }
}

TEST(error, an_error_of_ours_is_not_a_system_error_of_the_same_number)
{
    for (auto const& e : all_errors) {
        EXPECT_FALSE(
            (make_error_code(e.error) == error_condition{e.value, boost::system::generic_category()}));
        EXPECT_FALSE((make_error_code(e.error) == error_code{e.value, boost::system::system_category()}));
    }
}

TEST(error, a_code_equals_its_own_default_condition_and_no_other)
{
    auto const own = make_error_code(errc::circuit_open).default_error_condition();
    EXPECT_TRUE(make_error_code(errc::circuit_open) == own);
    EXPECT_FALSE(make_error_code(errc::circuit_half_open) == own);
}

TEST(error, every_group_has_a_name_and_a_message_of_its_own)
{
    std::set<std::string> messages;
    for (auto const group : all_conditions) {
        error_condition const c = group;
        EXPECT_STREQ(c.category().name(), "keel.condition");
        EXPECT_TRUE(messages.insert(c.message()).second);
    }
    error_condition const known = condition::rejected;
    EXPECT_EQ(known.message(), "the call was refused before it ran");
    EXPECT_EQ((error_condition{999, known.category()}.message()), "unknown keel condition");
}

TEST(error, a_thrown_error_still_tells_its_group)
{
    try {
        throw boost::system::system_error(errc::rate_limited);
    } catch (boost::system::system_error const& e) {
        EXPECT_EQ(e.code(), errc::rate_limited);
        EXPECT_TRUE(e.code() == condition::rejected);
    }
}

} // namespace
