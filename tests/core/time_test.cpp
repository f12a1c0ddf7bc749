#include <keel/core/time.hpp>

#include "support/dice.hpp"
#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;

__extension__ using wide = __int128;

constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
constexpr auto highest = std::numeric_limits<std::int64_t>::max();

std::int64_t clamped(wide value)
{
    if (value < lowest) return lowest;
    if (value > highest) return highest;
    return static_cast<std::int64_t>(value);
}

time_point at(std::int64_t ns) { return time_point(duration(ns)); }

/// Numbers at which 64-bit arithmetic goes wrong, and some at which it does not.
std::vector<std::int64_t> edges()
{
    std::vector<std::int64_t> all{
        lowest, lowest + 1, lowest + 2,  lowest / 2 - 1,  lowest / 2,      lowest / 2 + 1, -2,     -1, 0,
        1,      2,          highest / 2, highest / 2 + 1, highest / 2 + 2, highest - 1,    highest};
    tests::dice dice(1);
    for (int i = 0; i < 200; ++i) all.push_back(static_cast<std::int64_t>(dice.word()));
    for (int i = 0; i < 50; ++i) all.push_back(static_cast<std::int64_t>(dice.word() >> dice.below(64U)));
    return all;
}

TEST(time, a_sum_in_range_is_the_plain_sum)
{
    EXPECT_EQ(saturating_add(at(100), 5ns), at(105));
    EXPECT_EQ(saturating_add(at(100), -205ns), at(-105));
    EXPECT_EQ(saturating_add(at(100), 0ns), at(100));
    static_assert(saturating_add(time_point{}, 1ns) == time_point(1ns));
}

TEST(time, a_sum_out_of_range_stops_at_the_ends_of_time)
{
    EXPECT_EQ(saturating_add(time_point::max(), 1ns), time_point::max());
    EXPECT_EQ(saturating_add(at(1), duration::max()), time_point::max());
    EXPECT_EQ(saturating_add(time_point::min(), -1ns), time_point::min());
    EXPECT_EQ(saturating_add(at(-1), duration::min()), time_point::min());
}

TEST(time, a_sum_that_just_fits_is_exact)
{
    EXPECT_EQ(saturating_add(at(0), duration::max()), time_point::max());
    EXPECT_EQ(saturating_add(at(-1), duration::max()), at(highest - 1));
    EXPECT_EQ(saturating_add(at(0), duration::min()), time_point::min());
    EXPECT_EQ(saturating_add(time_point::max(), duration::min()), at(-1));
}

TEST(time, a_difference_in_range_is_the_plain_difference)
{
    EXPECT_EQ(saturating_sub(at(100), at(30)), 70ns);
    EXPECT_EQ(saturating_sub(at(-100), at(30)), -130ns);
    static_assert(saturating_sub(time_point(3ns), time_point(5ns)) == -2ns);
}

TEST(time, a_difference_out_of_range_stops_at_the_longest_duration)
{
    EXPECT_EQ(saturating_sub(time_point::max(), at(-1)), duration::max());
    EXPECT_EQ(saturating_sub(time_point::max(), time_point::min()), duration::max());
    EXPECT_EQ(saturating_sub(time_point::min(), at(1)), duration::min());
    EXPECT_EQ(saturating_sub(at(0), time_point::min()), duration::max());
}

TEST(time, a_difference_that_just_fits_is_exact)
{
    EXPECT_EQ(saturating_sub(at(-1), time_point::min()), duration::max());
    EXPECT_EQ(saturating_sub(at(-1), time_point::max()), duration::min());
    EXPECT_EQ(saturating_sub(time_point::min(), time_point::min()), 0ns);
    EXPECT_EQ(saturating_sub(time_point::max(), time_point::max()), 0ns);
}

TEST(time, sums_and_differences_agree_with_wider_arithmetic)
{
    auto const all = edges();
    for (auto const a : all) {
        for (auto const b : all) {
            ASSERT_EQ(saturating_add(at(a), duration(b)), at(clamped(wide{a} + b))) << a << " + " << b;
            ASSERT_EQ(saturating_sub(at(a), at(b)), duration(clamped(wide{a} - b))) << a << " - " << b;
        }
    }
}

TEST(time, the_earlier_of_two_deadlines_counts)
{
    EXPECT_EQ(earlier(at(3), at(7)), at(3));
    EXPECT_EQ(earlier(at(7), at(3)), at(3));
    EXPECT_EQ(earlier(at(3), at(3)), at(3));
}

TEST(time, no_deadline_is_later_than_any)
{
    EXPECT_EQ(earlier(std::nullopt, time_point::max()), time_point::max());
    EXPECT_EQ(earlier(at(-5), std::nullopt), at(-5));
    EXPECT_EQ(earlier(std::nullopt, std::nullopt), std::nullopt);
}

} // namespace
