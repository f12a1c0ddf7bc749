#include <keel/policy/parts/exact.hpp>

#include "support/dice.hpp"
#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using policy::billion;
using policy::billionths;
using policy::exact_duration;
using policy::slice_of;

__extension__ using wide = __int128;
__extension__ using unsigned_wide = unsigned __int128;

constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
constexpr auto highest = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t two_to_the_63 = std::uint64_t{1} << 63U;

exact_duration exact(std::int64_t ns) { return exact_duration(duration(ns)); }

/// A number of any magnitude below 2^bits: small ones are as likely as large ones.
std::uint64_t any(tests::dice& dice, unsigned bits) { return dice.word() >> (64U - bits + dice.below(bits)); }

TEST(exact_duration, a_third_three_times_is_the_whole_again)
{
    auto const third = exact(100).scaled(1, 3);
    EXPECT_EQ(third.floor(), 33ns);
    EXPECT_EQ(third.plus(third).floor(), 66ns);
    EXPECT_EQ(third.plus(third).plus(third).floor(), 100ns);
    EXPECT_EQ(third.scaled(3, 1).floor(), 100ns);
    EXPECT_EQ(exact(100).minus(third).floor(), 66ns);
}

TEST(exact_duration, starts_as_zero)
{
    EXPECT_EQ(exact_duration{}.floor(), 0ns);
    EXPECT_EQ(exact_duration{}, exact(0));
}

TEST(exact_duration, a_negative_duration_counts_as_zero)
{
    EXPECT_EQ(exact(-1), exact(0));
    EXPECT_EQ(exact_duration(duration::min()).floor(), 0ns);
}

TEST(exact_duration, the_longest_duration_survives_unchanged)
{
    EXPECT_EQ(exact_duration(duration::max()).floor(), duration::max());
    EXPECT_EQ(exact(highest).scaled(7, 7).floor(), duration::max());
    EXPECT_EQ(exact(highest).scaled(1, 1).floor(), duration::max());
}

TEST(exact_duration, fractions_count_when_two_are_compared)
{
    auto const third = exact(1).scaled(1, 3);
    EXPECT_LT(exact(0), third);
    EXPECT_LT(third, exact(1).scaled(1, 2));
    EXPECT_LT(exact(1).scaled(1, 2), exact(1));
    EXPECT_GT(exact(2), exact(1).scaled(3, 2));
}

TEST(exact_duration, scaling_by_a_fraction_is_the_floor_of_the_rational_result)
{
    tests::dice dice(3);
    for (int i = 0; i < 100'000; ++i) {
        auto const value = any(dice, 63);
        auto const divide = any(dice, 63) + 1;
        auto const multiply = any(dice, 63);
        auto const quotient = unsigned_wide{value} * multiply / divide;
        auto const expected = quotient > highest ? highest : static_cast<std::int64_t>(quotient);
        ASSERT_EQ(exact(static_cast<std::int64_t>(value)).scaled(multiply, divide).floor(),
                  duration(expected))
            << value << " * " << multiply << " / " << divide;
    }
}

TEST(exact_duration, scaling_works_at_the_limits_of_its_arguments)
{
    EXPECT_EQ(exact(highest).scaled(two_to_the_63, two_to_the_63).floor(), duration::max());
    EXPECT_EQ(exact(highest).scaled(two_to_the_63 - 1, two_to_the_63).floor(), duration(highest - 1));
    EXPECT_EQ(exact(highest).scaled(1, two_to_the_63).floor(), 0ns);
    EXPECT_EQ(exact(highest).scaled(1, two_to_the_63).scaled(two_to_the_63, 1).floor(), duration::max());
    EXPECT_EQ(exact(highest).scaled(two_to_the_63, 1).floor(), duration::max());
    EXPECT_EQ(exact(highest).scaled(0, 1).floor(), 0ns);
}

TEST(exact_duration, what_is_scaled_down_and_up_again_is_whole_again)
{
    tests::dice dice(4);
    for (int i = 0; i < 20'000; ++i) {
        auto const value = static_cast<std::int64_t>(any(dice, 40));
        auto const a = any(dice, 20) + 1;
        auto const b = any(dice, 20) + 1;
        ASSERT_EQ(exact(value).scaled(a, b).scaled(b, a).floor(), duration(value))
            << value << ", " << a << '/' << b;
    }
}

TEST(exact_duration, the_last_bit_is_rounded_up_and_by_no_more)
{
    auto const seventh = exact(1).scaled(1, 7);
    EXPECT_EQ(seventh.scaled(7, 1).floor(), 1ns);
    EXPECT_EQ(seventh.scaled(std::uint64_t{1} << 62U, 1).floor(), 658'812'288'346'769'700ns);
}

TEST(exact_duration, scaling_by_a_chance_takes_that_part)
{
    EXPECT_EQ(exact(1000).scaled(chance{}).floor(), 0ns);
    EXPECT_EQ(exact(1000).scaled(chance{1, 3}).floor(), 333ns);
    EXPECT_EQ(exact(highest).scaled(chance::from_bits(0)).floor(), 0ns);
    EXPECT_EQ(exact(std::int64_t{1} << 53U).scaled(chance::from_bits(~std::uint64_t{0})).floor(),
              duration((std::int64_t{1} << 53U) - 1));
}

TEST(exact_duration, sums_of_fractions_are_the_floor_of_the_rational_sum)
{
    tests::dice dice(5);
    for (int i = 0; i < 50'000; ++i) {
        auto const a = any(dice, 50);
        auto const b = any(dice, 50);
        auto const divide = any(dice, 30) + 1;
        auto const p = any(dice, 30);
        auto const q = any(dice, 30);
        auto const exactly = (unsigned_wide{a} * p + unsigned_wide{b} * q) / divide;
        auto const expected = exactly > highest ? highest : static_cast<std::int64_t>(exactly);
        auto const sum = exact(static_cast<std::int64_t>(a))
                             .scaled(p, divide)
                             .plus(exact(static_cast<std::int64_t>(b)).scaled(q, divide));
        ASSERT_EQ(sum.floor(), duration(expected));
    }
}

TEST(exact_duration, a_sum_carries_into_the_whole_part)
{
    auto const half = exact(1).scaled(1, 2);
    EXPECT_EQ(half.plus(half), exact(1));
    EXPECT_EQ(exact(5).plus(half).plus(half), exact(6));
}

TEST(exact_duration, a_sum_saturates_and_loses_its_fraction)
{
    auto const longest = exact(highest);
    EXPECT_EQ(longest.plus(exact(1)), longest);
    EXPECT_EQ(longest.plus(longest), longest);
    auto const half = exact(1).scaled(1, 2);
    EXPECT_EQ(longest.plus(half).plus(half), longest);
    EXPECT_EQ(longest.plus(half).plus(exact(1)), longest);
}

TEST(exact_duration, the_longest_whole_number_keeps_its_fraction)
{
    auto const half = exact(1).scaled(1, 2);
    auto const longest_and_a_half = exact(highest).plus(half);
    EXPECT_EQ(longest_and_a_half.minus(half), exact(highest));
    EXPECT_EQ(longest_and_a_half.scaled(1, 1), longest_and_a_half);
}

TEST(exact_duration, a_difference_to_a_whole_number_is_exact)
{
    tests::dice dice(6);
    for (int i = 0; i < 50'000; ++i) {
        auto const a = any(dice, 50);
        auto const divide = any(dice, 30) + 1;
        auto const multiply = any(dice, 30);
        auto const taken = any(dice, 55);
        auto const scaled = unsigned_wide{a} * multiply;
        auto const left = scaled > unsigned_wide{taken} * divide ? scaled - unsigned_wide{taken} * divide : 0;
        auto const expected = left / divide > highest ? highest : static_cast<std::int64_t>(left / divide);
        if (scaled / divide > highest) continue; // saturated before the subtraction
        auto const difference = exact(static_cast<std::int64_t>(a))
                                    .scaled(multiply, divide)
                                    .minus(exact(static_cast<std::int64_t>(taken)));
        ASSERT_EQ(difference.floor(), duration(expected));
    }
}

TEST(exact_duration, a_difference_borrows_from_the_whole_part)
{
    auto const quarter = exact(1).scaled(1, 4);
    EXPECT_EQ(exact(1).minus(quarter), exact(3).scaled(1, 4));
    EXPECT_EQ(exact(7).minus(exact(6)).minus(quarter), exact(3).scaled(1, 4));
}

TEST(exact_duration, a_difference_is_never_below_zero)
{
    EXPECT_EQ(exact(3).minus(exact(3)), exact(0));
    EXPECT_EQ(exact(3).minus(exact(4)), exact(0));
    EXPECT_EQ(exact(3).minus(exact(10).scaled(1, 3)), exact(0));
    EXPECT_EQ(exact(0).minus(exact(highest)), exact(0));
}

TEST(billionths, a_decimal_becomes_what_was_written)
{
    EXPECT_EQ(billionths(0.0), 0U);
    EXPECT_EQ(billionths(0.1), 100'000'000U);
    EXPECT_EQ(billionths(0.29), 290'000'000U);
    EXPECT_EQ(billionths(0.57), 570'000'000U);
    EXPECT_EQ(billionths(1.0), billion);
    EXPECT_EQ(billionths(1.1), 1'100'000'000U);
    EXPECT_EQ(billionths(99.999999999), 99'999'999'999U);
    EXPECT_EQ(billionths(100.0), 100 * billion);
    EXPECT_EQ(billionths(0.000000001), 1U);
}

TEST(billionths, every_thousandth_becomes_what_was_written)
{
    for (std::uint64_t i = 0; i <= 100'000; ++i)
        ASSERT_EQ(billionths(static_cast<double>(i) / 1000.0), i * 1'000'000) << i;
}

TEST(slice_of, time_is_cut_into_equal_slices_from_time_zero)
{
    EXPECT_EQ(slice_of(time_point(0s), 10s, 10), 0);
    EXPECT_EQ(slice_of(time_point(999'999'999ns), 10s, 10), 0);
    EXPECT_EQ(slice_of(time_point(1s), 10s, 10), 1);
    EXPECT_EQ(slice_of(time_point(10s), 10s, 10), 10);
}

TEST(slice_of, a_width_that_does_not_divide_gives_slices_of_unequal_length_and_no_drift)
{
    EXPECT_EQ(slice_of(time_point(3ns), 10ns, 3), 0);
    EXPECT_EQ(slice_of(time_point(4ns), 10ns, 3), 1);
    EXPECT_EQ(slice_of(time_point(6ns), 10ns, 3), 1);
    EXPECT_EQ(slice_of(time_point(7ns), 10ns, 3), 2);
    EXPECT_EQ(slice_of(time_point(10'000'000'000ns), 10ns, 3), 3'000'000'000);
}

TEST(slice_of, before_time_zero_it_still_rounds_down)
{
    EXPECT_EQ(slice_of(time_point(-1ns), 10s, 10), -1);
    EXPECT_EQ(slice_of(time_point(-1s), 10s, 10), -1);
    EXPECT_EQ(slice_of(time_point(-1'000'000'001ns), 10s, 10), -2);
}

TEST(slice_of, is_the_floor_of_the_rational_result)
{
    tests::dice dice(7);
    for (int i = 0; i < 100'000; ++i) {
        auto const at = static_cast<std::int64_t>(dice.word());
        auto const width = static_cast<std::int64_t>(any(dice, 63) + 1000);
        auto const parts = dice.between(1, 1000);
        auto const slice =
            wide{slice_of(time_point(duration(at)), duration(width), static_cast<std::uint64_t>(parts))};
        ASSERT_LE(slice * width, wide{at} * parts);
        ASSERT_GT((slice + 1) * width, wide{at} * parts);
    }
}

TEST(slice_of, stops_one_short_of_the_largest_number)
{
    EXPECT_EQ(slice_of(time_point::max(), 2ns, 1), highest / 2);
    EXPECT_EQ(slice_of(time_point(duration(highest - 2)), 1ns, 1), highest - 2);
    EXPECT_EQ(slice_of(time_point::max(), 1ns, 1), highest - 1);
    EXPECT_EQ(slice_of(time_point::max(), 1ns, 1000), highest - 1);
    EXPECT_EQ(slice_of(time_point::min(), 1ns, 1000), lowest);
}

TEST(slice_of, never_jumps_back_however_narrow_the_slices)
{
    EXPECT_EQ(slice_of(time_point::max(), duration::max(), 1), 1);
    EXPECT_EQ(slice_of(time_point::min(), duration::max(), 1), -2);
    EXPECT_EQ(slice_of(time_point(12345ns), 1ns, 1000), 12'345'000);

    auto const steps = std::array<std::int64_t, 9>{lowest,         lowest / 2,  lowest / 1000, -1,     0,
                                                   highest / 1000, highest / 2, highest - 1,   highest};
    for (auto const parts : {1U, 2U, 1000U}) {
        auto before = lowest;
        for (auto const at : steps) {
            auto const slice = slice_of(time_point(duration(at)), 1ns, parts);
            EXPECT_GE(slice, before) << at << " in " << parts;
            before = slice;
        }
    }
}

} // namespace
