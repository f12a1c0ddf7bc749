#include <keel/policy/parts/token_bucket.hpp>

#include "support/dice.hpp"
#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using policy::token_bucket;

__extension__ using wide = __int128;

constexpr auto any_wait = duration::max();

constexpr time_point at(duration since_start) { return time_point(since_start); }

// A life

TEST(token_bucket, a_life_empties_waits_owes_and_fills_again)
{
    token_bucket bucket(10, 1s, 5, 5);
    EXPECT_EQ(bucket.available(at(0s)), 5);
    EXPECT_EQ(bucket.take(4, at(0s), 0ns), at(0s));
    EXPECT_EQ(bucket.take(2, at(0s), 0ns), std::nullopt) << "one is left";
    EXPECT_EQ(bucket.when(2, at(0s)), at(100ms));
    EXPECT_EQ(bucket.take(1, at(0s), 0ns), at(0s));
    EXPECT_EQ(bucket.available(at(0s)), 0);
    EXPECT_EQ(bucket.take(1, at(50ms), 50ms), at(100ms)) << "owed";
    EXPECT_EQ(bucket.available(at(50ms)), -1);
    EXPECT_EQ(bucket.take(3, at(60ms), 1s), at(400ms)) << "behind what is owed already";
    bucket.give_back(3, at(70ms));
    EXPECT_EQ(bucket.available(at(100ms)), 0);
    EXPECT_EQ(bucket.available(at(599ms)), 4);
    EXPECT_EQ(bucket.available(at(600ms)), 5);
    EXPECT_EQ(bucket.available(at(1h)), 5) << "never more than full";
}

TEST(token_bucket, starts_with_as_many_tokens_as_it_is_told)
{
    EXPECT_EQ(token_bucket(10, 1s, 5, 0).available(at(0s)), 0);
    EXPECT_EQ(token_bucket(10, 1s, 5, 3).available(at(0s)), 3);
    EXPECT_EQ(token_bucket(10, 1s, 5, 99).available(at(0s)), 5) << "but no more than it holds";
    EXPECT_EQ(token_bucket(10, 1s, 5, 0).available(at(199ms)), 1);
}

TEST(token_bucket, fills_from_the_time_it_was_started)
{
    token_bucket bucket(10, 1s, 5, 0);
    bucket.start(at(24h));
    EXPECT_EQ(bucket.available(at(24h)), 0) << "the day before counts for nothing";
    EXPECT_EQ(bucket.when(1, at(24h)), at(24h + 100ms));
    EXPECT_EQ(bucket.available(at(24h + 250ms)), 2);
}

TEST(token_bucket, fills_continuously_and_not_in_steps)
{
    token_bucket bucket(3, 1s, 3, 0);
    EXPECT_EQ(bucket.when(1, at(0s)), at(333'333'334ns)) << "a wait is rounded up";
    EXPECT_EQ(bucket.take(1, at(333'333'333ns), 0ns), std::nullopt);
    EXPECT_EQ(bucket.take(1, at(333'333'334ns), 0ns), at(333'333'334ns));
    EXPECT_EQ(bucket.when(1, at(333'333'334ns)), at(666'666'667ns)) << "and what was rounded is not lost";
    EXPECT_EQ(bucket.when(2, at(333'333'334ns)), at(1s));
}

TEST(token_bucket, a_refusal_spends_nothing)
{
    token_bucket bucket(10, 1s, 5, 2);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(bucket.take(3, at(0s), 99'999'999ns), std::nullopt);
    EXPECT_EQ(bucket.available(at(0s)), 2);
    EXPECT_EQ(bucket.take(3, at(0s), 100ms), at(100ms)) << "a wait of just the limit is allowed";
}

TEST(token_bucket, more_than_it_can_hold_is_never_there)
{
    token_bucket bucket(10, 1s, 5, 5);
    EXPECT_EQ(bucket.when(6, at(1h)), std::nullopt);
    EXPECT_EQ(bucket.take(6, at(1h), any_wait), std::nullopt);
    EXPECT_EQ(bucket.take(5, at(1h), 0ns), at(1h));
}

TEST(token_bucket, taking_nothing_is_always_possible_but_under_debt)
{
    token_bucket bucket(10, 1s, 5, 0);
    EXPECT_EQ(bucket.take(0, at(0s), 0ns), at(0s));
    EXPECT_EQ(bucket.take(2, at(0s), 1s), at(200ms));
    EXPECT_EQ(bucket.take(0, at(0s), 0ns), std::nullopt);
    EXPECT_EQ(bucket.take(0, at(200ms), 0ns), at(200ms));
}

TEST(token_bucket, a_negative_wait_takes_nothing)
{
    token_bucket bucket(10, 1s, 5, 5);
    EXPECT_EQ(bucket.take(1, at(0s), -1ns), std::nullopt);
    EXPECT_EQ(bucket.available(at(0s)), 5);
}

TEST(token_bucket, what_is_given_back_never_makes_it_more_than_full)
{
    token_bucket bucket(10, 1s, 5, 5);
    ASSERT_EQ(bucket.take(2, at(0s), 0ns), at(0s));
    bucket.give_back(2, at(150ms));
    EXPECT_EQ(bucket.available(at(150ms)), 5);
    bucket.give_back(5, at(150ms));
    EXPECT_EQ(bucket.available(at(150ms)), 5);
}

// Time in odd order

TEST(token_bucket, what_is_given_back_counts_as_of_the_latest_time)
{
    token_bucket bucket(10, 1s, 5, 5);
    ASSERT_EQ(bucket.take(5, at(0s), 0ns), at(0s));
    bucket.give_back(1, at(200ms));
    EXPECT_EQ(bucket.available(at(100ms)), 3);
}

TEST(token_bucket, an_earlier_time_adds_nothing_and_loses_nothing)
{
    token_bucket bucket(10, 1s, 5, 5);
    ASSERT_EQ(bucket.take(5, at(1s), 0ns), at(1s));
    EXPECT_EQ(bucket.available(at(500ms)), 0);
    EXPECT_EQ(bucket.take(1, at(500ms), 0ns), std::nullopt);
    EXPECT_EQ(bucket.available(at(1100ms)), 1);
}

TEST(token_bucket, a_wait_told_to_one_who_comes_with_an_earlier_time_is_long_enough)
{
    token_bucket bucket(10, 1s, 5, 5);
    ASSERT_EQ(bucket.take(5, at(1s), 0ns), at(1s));
    EXPECT_EQ(bucket.when(1, at(950ms)), at(1100ms));
    EXPECT_EQ(bucket.take(1, at(1100ms), 0ns), at(1100ms));
}

TEST(token_bucket, one_who_comes_with_an_earlier_time_and_finds_enough_need_not_wait)
{
    token_bucket bucket(10, 1s, 5, 5);
    ASSERT_EQ(bucket.take(4, at(1s), 0ns), at(1s));
    EXPECT_EQ(bucket.when(1, at(950ms)), at(950ms));
    EXPECT_EQ(bucket.take(1, at(950ms), 0ns), at(950ms));
}

// Extremes

constexpr auto most = std::numeric_limits<std::uint32_t>::max();

TEST(token_bucket, the_end_of_time_is_a_time_like_any_other)
{
    token_bucket bucket(1, 24h, 10, 10);
    ASSERT_EQ(bucket.take(10, at(0s), 0ns), at(0s));
    EXPECT_EQ(bucket.available(time_point::max()), 10);
    EXPECT_EQ(bucket.take(10, time_point::max(), 0ns), time_point::max());
    EXPECT_EQ(bucket.when(1, time_point::max()), time_point::max()) << "there is no later time to name";
}

TEST(token_bucket, a_time_before_zero_has_the_tokens_of_the_start)
{
    token_bucket bucket(10, 1s, 5, 2);
    EXPECT_EQ(bucket.available(time_point::min()), 2);
    EXPECT_EQ(bucket.take(2, time_point::min(), 0ns), time_point::min());
    EXPECT_EQ(bucket.available(at(100ms)), 1);
}

TEST(token_bucket, a_weight_far_above_the_burst_is_refused_without_effect)
{
    token_bucket bucket(1, 24h, 5, 5);
    for (auto const weight : {6U, 106'751U, 106'752U, 213'504U, most / 2, most}) {
        EXPECT_EQ(bucket.when(weight, at(0s)), std::nullopt) << weight;
        EXPECT_EQ(bucket.take(weight, at(0s), any_wait), std::nullopt) << weight;
    }
    EXPECT_EQ(bucket.available(at(0s)), 5);
}

TEST(token_bucket, far_more_initial_tokens_than_it_holds_make_it_full)
{
    EXPECT_EQ(token_bucket(1, 24h, 5, most).available(at(0s)), 5);
    EXPECT_EQ(token_bucket(1, 24h, 5, 150'000).available(at(0s)), 5);
}

TEST(token_bucket, the_largest_bucket_counts_right)
{
    token_bucket bucket(most, 5s, 920'000'000, 0); // 4.6e18 credits
    EXPECT_EQ(bucket.available(at(1s)), most / 5);
    EXPECT_EQ(bucket.available(at(5s)), 920'000'000);
    EXPECT_EQ(bucket.take(920'000'000, at(5s), 0ns), at(5s));
    EXPECT_EQ(bucket.available(at(5s)), 0);
}

TEST(token_bucket, a_quota_per_day_is_exact_to_the_token)
{
    token_bucket bucket(1'000'000'000, 24h, most, most); // 3.7e23 credits
    EXPECT_EQ(bucket.available(at(0s)), most);
    EXPECT_EQ(bucket.take(most, at(0s), 0ns), at(0s));
    EXPECT_EQ(bucket.when(1, at(0s)), at(86'400ns));
    EXPECT_EQ(bucket.available(at(86'399ns)), 0);
    EXPECT_EQ(bucket.available(at(24h)), 1'000'000'000);
    EXPECT_EQ(bucket.when(most, at(0s)), at(86'400ns * most));
    EXPECT_EQ(bucket.available(at(5 * 24h)), most);
}

TEST(token_bucket, a_wait_longer_than_time_itself_saturates)
{
    token_bucket bucket(1, 24h, 100'000, 100'000);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(bucket.take(100'000, at(0s), any_wait));
    EXPECT_EQ(bucket.when(1, at(0s)), time_point::max());
    EXPECT_EQ(bucket.available(at(0s)), -200'000);
}

TEST(token_bucket, debt_is_exact_however_deep_it_is)
{
    token_bucket bucket(1'000'000, 24h, 50'000, 50'000);
    for (std::int64_t granted = 50'000; granted <= 100'000'000; granted += 50'000) {
        ASSERT_TRUE(bucket.take(50'000, at(0s), any_wait)) << "after " << granted;
        ASSERT_EQ(bucket.available(at(0s)), 50'000 - granted);
    }
    EXPECT_EQ(bucket.available(at(24h)), 50'000 - 100'000'000 + 1'000'000) << "and is paid back as ever";
    EXPECT_EQ(bucket.available(at(24h * 100)), 50'000);
}

// Against a model

/// The level as a fraction of a nanosecond's worth, moved from event to event in 128 bits.
class naive_bucket
{
public:
    naive_bucket(std::int64_t tokens, duration per, std::int64_t burst)
        : tokens_(tokens),
          per_(per.count()),
          full_(wide{burst} * per_),
          level_(full_)
    {}

    std::optional<time_point> take(std::int64_t n, duration now, duration max_wait)
    {
        level_ = std::min(full_, level_ + wide{(now - updated_).count()} * tokens_);
        updated_ = now;
        auto const price = wide{n} * per_;
        if (price > full_) return std::nullopt;
        std::int64_t wait = 0;
        if (price > level_) wait = static_cast<std::int64_t>((price - level_ + tokens_ - 1) / tokens_);
        if (wait > max_wait.count()) return std::nullopt;
        level_ -= price;
        return at(now + duration(wait));
    }

    void give_back(std::int64_t n) { level_ = std::min(full_, level_ + wide{n} * per_); }

private:
    std::int64_t tokens_;
    std::int64_t per_;
    wide full_;
    wide level_;
    duration updated_{};
};

TEST(token_bucket, decides_as_a_model_in_wider_arithmetic_does)
{
    tests::dice dice(13);
    for (int run = 0; run < 20; ++run) {
        auto const tokens = dice.between(1U, 50U);
        auto const per = dice.between(100ns, 5000ns);
        auto const burst = dice.between(1U, 20U);
        token_bucket bucket(tokens, per, burst, burst);
        naive_bucket naive(tokens, per, burst);
        auto now = 0ns;
        for (int i = 0; i < 2000; ++i) {
            now += dice.between(0ns, dice.one_in(20) ? 20 * per : 2 * per / static_cast<int>(tokens));
            auto const n = dice.between(0U, burst + 1);
            auto const wait = dice.one_in(3) ? 0ns : dice.between(0ns, 3 * per);
            auto const expected = naive.take(n, now, wait);
            auto const got = bucket.take(n, at(now), wait);
            ASSERT_EQ(got, expected) << "run " << run << ", step " << i;
            if (got && *got > at(now) && dice.one_in(3)) {
                bucket.give_back(n, at(now));
                naive.give_back(n);
            }
        }
    }
}

TEST(token_bucket, takes_now_what_it_takes_without_a_wait_and_nothing_else)
{
    tests::dice dice(16);
    for (int run = 0; run < 20; ++run) {
        auto const burst = dice.between(1U, 20U);
        token_bucket bucket(dice.between(1U, 50U), dice.between(100ns, 5000ns), burst, burst);
        auto now = 1000ns;
        for (int i = 0; i < 1000; ++i) {
            now += dice.between(-50ns, 150ns);
            auto twin = bucket;
            auto const n = dice.between(0U, burst + 1);
            ASSERT_EQ(bucket.take_now(n, at(now)), twin.take(n, at(now), 0ns).has_value());
            ASSERT_EQ(bucket.available(at(now)), twin.available(at(now)));
            ASSERT_EQ(bucket.when(burst, at(now)), twin.when(burst, at(now)));
            if (dice.one_in(4)) bucket.take(dice.between(1U, burst), at(now), 1000ns);
        }
    }
}

TEST(token_bucket, whoever_waits_as_long_as_told_is_let_in)
{
    tests::dice dice(14);
    for (int i = 0; i < 20'000; ++i) {
        auto const burst = dice.between(1U, 20U);
        token_bucket bucket(dice.between(1U, 100U), dice.between(100ns, 5000ns), burst,
                            dice.between(0U, burst));
        auto const now = at(dice.between(0ns, 100ns));
        auto const n = dice.between(1U, burst);
        auto const then = bucket.when(n, now);
        ASSERT_TRUE(then);
        if (*then > now) {
            ASSERT_EQ(bucket.take(n, *then - 1ns, 0ns), std::nullopt);
        }
        ASSERT_EQ(bucket.take(n, *then, 0ns), *then);
    }
}

TEST(token_bucket, over_every_interval_no_more_go_in_than_burst_and_rate_allow)
{
    constexpr std::int64_t rate = 7; // per 1000 ns
    constexpr std::int64_t burst = 12;
    token_bucket bucket(rate, 1000ns, burst, burst);
    tests::dice dice(15);
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
        if (auto const start = bucket.take(n, at(now), dice.one_in(2) ? 0ns : 500ns))
            admitted.push_back({start->time_since_epoch().count(), n});
    }
    ASSERT_GT(admitted.size(), 300U);
    for (std::size_t first = 0; first < admitted.size(); ++first) {
        std::int64_t weight = 0;
        for (auto last = first; last < admitted.size(); ++last) {
            ASSERT_GE(admitted[last].at, admitted[first].at) << "reservations come in order";
            weight += admitted[last].weight;
            ASSERT_LE(weight * 1000, burst * 1000 + rate * (admitted[last].at - admitted[first].at));
        }
    }
}

} // namespace
