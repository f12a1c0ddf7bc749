#include <keel/policy/parts/gcra.hpp>

#include "support/dice.hpp"
#include "support/printers.hpp"

#include <keel/policy/parts/token_bucket.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using policy::gcra;
using policy::token_bucket;

constexpr time_point at(duration since_start) { return time_point(since_start); }

TEST(gcra, a_life_spends_its_burst_waits_owes_and_recovers)
{
    gcra cells(100ms, 5);
    EXPECT_EQ(cells.available(at(0s)), 5);
    EXPECT_EQ(cells.reset_after(at(0s)), 0ns);
    EXPECT_EQ(cells.take(4, at(0s), 0ns), at(0s));
    EXPECT_EQ(cells.reset_after(at(0s)), 400ms);
    EXPECT_EQ(cells.take(2, at(0s), 0ns), std::nullopt) << "one is left";
    EXPECT_EQ(cells.when(2, at(0s)), at(100ms));
    EXPECT_EQ(cells.take(1, at(0s), 0ns), at(0s));
    EXPECT_EQ(cells.available(at(0s)), 0);
    EXPECT_EQ(cells.take(1, at(50ms), 50ms), at(100ms)) << "owed";
    EXPECT_EQ(cells.available(at(50ms)), -1);
    EXPECT_EQ(cells.take(3, at(60ms), 1s), at(400ms)) << "behind what is owed already";
    cells.give_back(3, at(70ms));
    EXPECT_EQ(cells.available(at(100ms)), 0);
    EXPECT_EQ(cells.available(at(599ms)), 4);
    EXPECT_EQ(cells.available(at(600ms)), 5);
    EXPECT_EQ(cells.reset_after(at(600ms)), 0ns);
    EXPECT_EQ(cells.available(at(1h)), 5) << "never more than the burst";
}

TEST(gcra, a_burst_of_one_spaces_strictly)
{
    gcra cells(10ms, 1);
    EXPECT_EQ(cells.take(1, at(3ms), 0ns), at(3ms));
    EXPECT_EQ(cells.take(1, at(12'999'999ns), 0ns), std::nullopt);
    EXPECT_EQ(cells.take(1, at(13ms), 0ns), at(13ms));
}

TEST(gcra, a_refusal_does_not_move_the_schedule)
{
    gcra cells(100ms, 2);
    ASSERT_EQ(cells.take(2, at(0s), 0ns), at(0s));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(cells.take(1, at(50ms), 49'999'999ns), std::nullopt);
    EXPECT_EQ(cells.take(1, at(50ms), 50ms), at(100ms)) << "a wait of just the limit is allowed";
}

TEST(gcra, nothing_spends_nothing)
{
    gcra cells(100ms, 5);
    ASSERT_EQ(cells.take(3, at(1s), 0ns), at(1s));
    EXPECT_EQ(cells.take(0, at(1s), 0ns), at(1s));
    EXPECT_EQ(cells.reset_after(at(1s)), 300ms);
    EXPECT_EQ(cells.take(0, at(5s), 0ns), at(5s)) << "and does not move the schedule up to now either";
    EXPECT_EQ(cells.reset_after(at(1s)), 300ms);
}

TEST(gcra, more_than_the_burst_never_goes_in)
{
    gcra cells(24h, 5);
    for (auto const weight : {6U, 106'752U, 213'504U, std::numeric_limits<std::uint32_t>::max()}) {
        EXPECT_EQ(cells.when(weight, at(0s)), std::nullopt) << weight;
        EXPECT_EQ(cells.take(weight, at(0s), duration::max()), std::nullopt) << weight;
    }
    EXPECT_EQ(cells.available(at(0s)), 5);
}

TEST(gcra, a_negative_wait_takes_nothing)
{
    gcra cells(100ms, 5);
    EXPECT_EQ(cells.take(1, at(0s), -1ns), std::nullopt);
    EXPECT_EQ(cells.available(at(0s)), 5);
}

TEST(gcra, what_is_given_back_never_makes_more_than_the_burst)
{
    gcra cells(100ms, 5);
    ASSERT_EQ(cells.take(2, at(0s), 0ns), at(0s));
    cells.give_back(2, at(150ms));
    EXPECT_EQ(cells.available(at(150ms)), 5);
    cells.give_back(5, at(150ms));
    EXPECT_EQ(cells.available(at(150ms)), 5);
    cells.give_back(5, at(1h));
    EXPECT_EQ(cells.take(5, at(1h), 0ns), at(1h));
    EXPECT_EQ(cells.take(1, at(1h), 0ns), std::nullopt);
}

TEST(gcra, units_left_are_rounded_down_with_and_without_debt)
{
    gcra cells(100ms, 5);
    ASSERT_EQ(cells.take(5, at(0s), 0ns), at(0s));
    EXPECT_EQ(cells.available(at(99'999'999ns)), 0);
    EXPECT_EQ(cells.available(at(100ms)), 1);
    ASSERT_EQ(cells.take(2, at(100ms), 1s), at(200ms));
    EXPECT_EQ(cells.available(at(100ms)), -1);
    EXPECT_EQ(cells.available(at(199'999'999ns)), -1);
    EXPECT_EQ(cells.available(at(200ms)), 0);
}

TEST(gcra, the_end_of_time_is_a_time_like_any_other)
{
    gcra cells(24h, 10);
    ASSERT_EQ(cells.take(10, at(0s), 0ns), at(0s));
    EXPECT_EQ(cells.available(time_point::max()), 10);
    EXPECT_EQ(cells.take(10, time_point::max(), 0ns), time_point::max());
    EXPECT_EQ(cells.reset_after(time_point::min()), duration::max());
}

TEST(gcra, the_largest_burst_counts_right)
{
    gcra cells(1ns, std::numeric_limits<std::uint32_t>::max());
    EXPECT_EQ(cells.take(4'000'000'000, at(0s), 0ns), at(0s));
    EXPECT_EQ(cells.available(at(0s)), 294'967'295);
    EXPECT_EQ(cells.available(at(1s)), 1'294'967'295);

    gcra slow(24h, 53'000);
    EXPECT_EQ(slow.take(53'000, at(0s), 0ns), at(0s));
    EXPECT_EQ(slow.available(at(24h)), 1);
}

TEST(gcra, decides_as_a_token_bucket_of_the_same_rate_and_burst)
{
    tests::dice dice(16);
    std::size_t admitted = 0;
    for (int run = 0; run < 10; ++run) {
        auto const interval = dice.between(1ns, 1000ns);
        auto const burst = dice.between(1U, 30U);
        gcra cells(interval, burst);
        token_bucket bucket(1, interval, burst, burst);
        auto now = at(dice.between(0ns, 100ns));
        for (int i = 0; i < 10'000; ++i) {
            now += dice.one_in(50) ? dice.between(0ns, 40 * interval) : dice.between(0ns, 2 * interval);
            auto const n = dice.one_in(20) ? dice.between(0U, burst + 1) : 1U;
            auto const wait = dice.one_in(2) ? 0ns : dice.between(0ns, 5 * interval);
            ASSERT_EQ(cells.when(n, now), bucket.when(n, now)) << "run " << run << ", arrival " << i;
            auto const start = cells.take(n, now, wait);
            ASSERT_EQ(start, bucket.take(n, now, wait)) << "run " << run << ", arrival " << i;
            admitted += start ? 1U : 0U;
            if (start && *start > now && dice.one_in(3)) {
                now += (*start - now) / 2;
                cells.give_back(n, now);
                bucket.give_back(n, now);
            }
            ASSERT_EQ(cells.available(now), bucket.available(now)) << "run " << run << ", arrival " << i;
        }
    }
    EXPECT_GT(admitted, 30'000U);
    EXPECT_LT(admitted, 99'000U);
}

TEST(gcra, whoever_waits_as_long_as_told_is_let_in)
{
    tests::dice dice(17);
    for (int i = 0; i < 20'000; ++i) {
        auto const burst = dice.between(1U, 20U);
        gcra cells(dice.between(1ns, 5000ns), burst);
        for (auto spent = dice.below(3U); spent > 0; --spent)
            cells.take(dice.between(1U, burst), at(0s), 10us);
        auto const now = at(dice.between(0ns, 100ns));
        auto const n = dice.between(1U, burst);
        auto const then = cells.when(n, now);
        ASSERT_TRUE(then);
        if (*then > now) {
            ASSERT_EQ(cells.take(n, *then - 1ns, 0ns), std::nullopt);
        }
        ASSERT_EQ(cells.take(n, *then, 0ns), *then);
    }
}

TEST(gcra, over_every_interval_no_more_go_in_than_burst_and_rate_allow)
{
    constexpr std::int64_t interval = 143;
    constexpr std::int64_t burst = 12;
    gcra cells(duration(interval), burst);
    tests::dice dice(18);
    struct entry
    {
        std::int64_t at;
        std::int64_t weight;
    };
    std::vector<entry> admitted;
    auto now = 0ns;
    for (int i = 0; i < 2000; ++i) {
        now += dice.one_in(40) ? dice.between(0ns, 5000ns) : dice.between(0ns, 150ns);
        auto const n = dice.between(1U, 4U);
        if (auto const start = cells.take(n, at(now), dice.one_in(2) ? 0ns : 500ns))
            admitted.push_back({start->time_since_epoch().count(), n});
    }
    ASSERT_GT(admitted.size(), 300U);
    for (std::size_t first = 0; first < admitted.size(); ++first) {
        std::int64_t weight = 0;
        for (auto last = first; last < admitted.size(); ++last) {
            weight += admitted[last].weight;
            ASSERT_LE(weight * interval, burst * interval + admitted[last].at - admitted[first].at);
        }
    }
}

TEST(gcra, takes_now_what_it_takes_without_a_wait_and_nothing_else)
{
    tests::dice dice(16);
    for (int run = 0; run < 20; ++run) {
        auto const burst = dice.between(1U, 20U);
        gcra cells(dice.between(1ns, 500ns), burst);
        auto now = 1000ns;
        for (int i = 0; i < 1000; ++i) {
            now += dice.between(-50ns, 150ns);
            auto twin = cells;
            auto const n = dice.between(0U, burst + 1);
            ASSERT_EQ(cells.take_now(n, at(now)), twin.take(n, at(now), 0ns).has_value());
            ASSERT_EQ(cells.reset_after(at(now)), twin.reset_after(at(now)));
            ASSERT_EQ(cells.reset_after(at(0ns)), twin.reset_after(at(0ns)));
            if (dice.one_in(4)) cells.take(dice.between(1U, burst), at(now), 1000ns);
        }
    }
}

TEST(gcra, takes_nothing_now_that_is_far_heavier_than_its_burst)
{
    gcra cells(24h, 5);
    for (auto const weight : {6U, 213'504U, std::numeric_limits<std::uint32_t>::max()})
        EXPECT_FALSE(cells.take_now(weight, at(0s))) << weight;
    EXPECT_EQ(cells.available(at(0s)), 5);
}

} // namespace
