#include <keel/core/option_faults.hpp>

#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;

using list = std::vector<option_fault>;

struct pump_options
{
    double pressure = 1.0;
    duration rest = 1s;
};

option_faults validate(pump_options const& o)
{
    option_faults faults;
    faults.require(o.pressure <= 2.0, "pressure", o.pressure, "up to 2");
    faults.require(o.rest >= 0ns, "rest", o.rest, "0 or more");
    return faults;
}

std::string shown(auto const& found)
{
    option_faults faults;
    faults.require(false, "field", found, "something else");
    return faults.list().at(0).found;
}

TEST(option_faults, options_are_checked_and_the_fault_reaches_the_one_who_made_them)
{
    EXPECT_EQ(checked("pump", pump_options{.pressure = 1.5}).pressure, 1.5);
    try {
        checked("pump", pump_options{.pressure = 3, .rest = -1ms});
        FAIL() << "two options are out of range";
    } catch (invalid_options const& e) {
        EXPECT_STREQ(e.what(), "pump: pressure is 3, allowed is up to 2; rest is -1ms, allowed is 0 or more");
        EXPECT_EQ(e.faults().list(), (list{{"pressure", "3", "up to 2"}, {"rest", "-1ms", "0 or more"}}));
    }
}

TEST(option_faults, invalid_options_can_be_caught_as_an_invalid_argument)
{
    EXPECT_THROW(checked("pump", pump_options{.pressure = 3}), std::invalid_argument);
}

TEST(option_faults, what_holds_is_not_noted)
{
    option_faults faults;
    EXPECT_TRUE(faults.empty());
    faults.require(true, "a", 1, "1");
    EXPECT_TRUE(faults.empty());
    EXPECT_TRUE(faults.list().empty());
    faults.require(false, "b", 2, "3");
    EXPECT_FALSE(faults.empty());
    EXPECT_EQ(faults.list(), (list{{"b", "2", "3"}}));
}

TEST(option_faults, faults_stay_in_the_order_in_which_they_were_noted)
{
    option_faults faults;
    faults.require(false, "z", 1, "0");
    faults.require(false, "a", 2, "0");
    faults.require(false, "z", 3, "0");
    EXPECT_EQ(faults.list(), (list{{"z", "1", "0"}, {"a", "2", "0"}, {"z", "3", "0"}}));
}

TEST(option_faults, the_faults_of_a_nested_object_are_named_by_the_way_to_them)
{
    option_faults faults;
    faults.require(false, "own", 1, "0");
    faults.merge("pump", validate(pump_options{.pressure = 4, .rest = -2s}));
    faults.merge("good", validate(pump_options{}));
    EXPECT_EQ(
        faults.list(),
        (list{{"own", "1", "0"}, {"pump.pressure", "4", "up to 2"}, {"pump.rest", "-2s", "0 or more"}}));

    option_faults outer;
    outer.merge("ship", faults);
    EXPECT_EQ(outer.list().at(1).field, "ship.pump.pressure");
}

TEST(option_faults, no_fault_is_described_by_the_name_alone)
{
    EXPECT_EQ(option_faults{}.describe("pump"), "pump: ");
}

TEST(option_faults, one_fault_is_described_without_a_separator)
{
    EXPECT_EQ(validate(pump_options{.pressure = 2.5}).describe("pump"),
              "pump: pressure is 2.5, allowed is up to 2");
}

TEST(option_faults, values_are_shown_as_people_write_them)
{
    EXPECT_EQ(shown(0), "0");
    EXPECT_EQ(shown(-7), "-7");
    EXPECT_EQ(shown(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
    EXPECT_EQ(shown(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
    EXPECT_EQ(shown(1.5), "1.5");
    EXPECT_EQ(shown(0.0), "0");
    EXPECT_EQ(shown(std::nan("")), "nan");
    EXPECT_EQ(shown(std::numeric_limits<double>::infinity()), "inf");
    EXPECT_EQ(shown(duration(250ms)), "250ms");
    EXPECT_EQ(shown("nullopt"), "\"nullopt\"");
    EXPECT_EQ(shown(std::string_view("text")), "\"text\"");
    EXPECT_EQ(shown(std::string()), "\"\"");
}

TEST(option_faults, a_duration_is_shown_in_the_largest_unit_that_it_fills)
{
    EXPECT_EQ(to_string(0ns), "0ns");
    EXPECT_EQ(to_string(1ns), "1ns");
    EXPECT_EQ(to_string(999ns), "999ns");
    EXPECT_EQ(to_string(1us), "1us");
    EXPECT_EQ(to_string(1500ns), "1.5us");
    EXPECT_EQ(to_string(999us), "999us");
    EXPECT_EQ(to_string(1ms), "1ms");
    EXPECT_EQ(to_string(250ms), "250ms");
    EXPECT_EQ(to_string(1s), "1s");
    EXPECT_EQ(to_string(1500ms), "1.5s");
    EXPECT_EQ(to_string(59s), "59s");
    EXPECT_EQ(to_string(60s), "1min");
    EXPECT_EQ(to_string(90s), "1.5min");
    EXPECT_EQ(to_string(1h), "60min");
}

TEST(option_faults, a_negative_duration_is_shown_in_the_same_unit_as_its_opposite)
{
    EXPECT_EQ(to_string(-1ns), "-1ns");
    EXPECT_EQ(to_string(-1500ns), "-1.5us");
    EXPECT_EQ(to_string(-250ms), "-250ms");
    EXPECT_EQ(to_string(-59s), "-59s");
    EXPECT_EQ(to_string(-2min), "-2min");
}

TEST(option_faults, the_longest_durations_can_be_shown)
{
    EXPECT_EQ(to_string(duration::max()), "1.53723e+08min");
    EXPECT_EQ(to_string(duration::min()), "-1.53723e+08min");
}

} // namespace
