#include <keel/policy/parts/backoff.hpp>

#include "support/dice.hpp"
#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using policy::backoff_sequence;
using faults = std::vector<option_fault>;

constexpr chance lowest{0, 1};
constexpr chance half{1, 2};
constexpr chance highest = chance::from_bits(~std::uint64_t{0});

duration delay(backoff const& law, std::uint32_t retry, chance u = half)
{
    return backoff_sequence(law).next(retry, u);
}

/// The first delays of one call, each with the chance `u`.
std::vector<duration> delays(backoff const& law, std::uint32_t n, chance u = half)
{
    backoff_sequence sequence(law);
    std::vector<duration> seen;
    for (std::uint32_t retry = 1; retry <= n; ++retry) seen.push_back(sequence.next(retry, u));
    return seen;
}

// One life of each law

TEST(backoff, constant_waits_the_same_before_every_retry)
{
    EXPECT_EQ(delays(constant{.base = 70ms}, 4), (std::vector<duration>{70ms, 70ms, 70ms, 70ms}));
}

TEST(backoff, linear_waits_one_base_longer_each_time_up_to_the_cap)
{
    backoff const law = linear{.base = 100ms, .cap = 350ms, .jitter = jitter::none};
    EXPECT_EQ(delays(law, 5), (std::vector<duration>{100ms, 200ms, 300ms, 350ms, 350ms}));
}

TEST(backoff, exponential_doubles_up_to_the_cap)
{
    backoff const law = exponential{.base = 50ms, .cap = 1s, .jitter = jitter::none};
    EXPECT_EQ(delays(law, 7), (std::vector<duration>{50ms, 100ms, 200ms, 400ms, 800ms, 1s, 1s}));
}

TEST(backoff, decorrelated_draws_between_the_base_and_three_times_the_delay_before)
{
    backoff const law = exponential{.base = 100ms, .cap = 2s, .jitter = jitter::decorrelated};
    EXPECT_EQ(delays(law, 4, half), (std::vector<duration>{200ms, 350ms, 575ms, 912'500us}));
    EXPECT_EQ(delays(law, 3, lowest), (std::vector<duration>{100ms, 100ms, 100ms}));
    EXPECT_EQ(delays(law, 4, chance{999, 1000}).back(), 2s);
}

TEST(backoff, custom_waits_what_the_function_says)
{
    backoff const law = custom{.delay = [](std::uint32_t retry) { return retry * 7ms; }, .cap = 20ms};
    EXPECT_EQ(delays(law, 4), (std::vector<duration>{7ms, 14ms, 20ms, 20ms}));
}

TEST(backoff, the_default_is_exponential_from_50_ms_to_20_s_with_full_jitter)
{
    EXPECT_EQ(delay(backoff{}, 1, half), 25ms);
    EXPECT_EQ(delay(backoff{}, 2, half), 50ms);
    EXPECT_EQ(delay(backoff{}, 60, half), 10s);
    EXPECT_EQ(delay(backoff{}, 3, lowest), 0ns);
}

// What chance does

TEST(backoff, jitter_spreads_a_delay_as_its_formula_says)
{
    auto const with = [](jitter how, chance u) {
        return delay(constant{.base = 100ms, .jitter = how, .spread = 0.2}, 1, u);
    };
    EXPECT_EQ(with(jitter::none, highest), 100ms);
    EXPECT_EQ(with(jitter::full, {1, 4}), 25ms);
    EXPECT_EQ(with(jitter::equal, {1, 4}), 62'500us);
    EXPECT_EQ(with(jitter::plus_minus, {1, 4}), 90ms);
    EXPECT_EQ(with(jitter::decorrelated, {1, 4}), 150ms);
}

TEST(backoff, the_lowest_draw_gives_the_lower_end_of_each_form)
{
    auto const with = [](jitter how) {
        return delay(constant{.base = 100ms, .jitter = how, .spread = 0.3}, 1, lowest);
    };
    EXPECT_EQ(with(jitter::full), 0ns);
    EXPECT_EQ(with(jitter::equal), 50ms);
    EXPECT_EQ(with(jitter::plus_minus), 70ms);
    EXPECT_EQ(with(jitter::decorrelated), 100ms);
}

TEST(backoff, the_highest_draw_stays_below_the_upper_end_of_each_form)
{
    auto const with = [](jitter how) {
        return delay(constant{.base = 100ms, .jitter = how, .spread = 0.3}, 1, highest);
    };
    EXPECT_EQ(with(jitter::full), 99'999'999ns);
    EXPECT_EQ(with(jitter::equal), 99'999'999ns);
    EXPECT_EQ(with(jitter::plus_minus), 129'999'999ns);
    EXPECT_EQ(with(jitter::decorrelated), 299'999'999ns);
}

TEST(backoff, jitter_never_leads_above_the_cap)
{
    for (auto const how :
         {jitter::none, jitter::full, jitter::equal, jitter::plus_minus, jitter::decorrelated}) {
        backoff const law = constant{.base = 100ms, .cap = 100ms, .jitter = how, .spread = 1.0};
        EXPECT_LE(delay(law, 1, highest), 100ms) << how;
    }
}

TEST(backoff, the_cap_is_applied_before_the_jitter_too)
{
    backoff const law = linear{.base = 1s, .cap = 2s, .jitter = jitter::full};
    EXPECT_EQ(delay(law, 100, half), 1s);
}

TEST(backoff, a_cap_of_zero_never_waits)
{
    for (auto const how :
         {jitter::none, jitter::full, jitter::equal, jitter::plus_minus, jitter::decorrelated}) {
        EXPECT_EQ(delay(exponential{.base = 1s, .cap = 0ns, .jitter = how}, 3, highest), 0ns) << how;
        EXPECT_EQ(delay(exponential{.base = 0ns, .jitter = how}, 3, highest), 0ns) << how;
    }
}

// Exact arithmetic: the expected values were computed with Python's Fraction and rounded down

struct row
{
    backoff law;
    std::uint32_t retry;
    chance u;
    std::int64_t expected;
};

std::vector<row> const rational_rows{
    {constant{.base = 1'000'000'000ns, .cap = 1'000'001ns, .jitter = jitter::full},
     2,
     {3646676041768607, 9007199254740992},
     404'862},
    {constant{.base = 999'999'937ns, .cap = 3'600'000'000'007ns, .jitter = jitter::equal},
     13,
     {0, 1},
     499'999'968},
    {constant{.base = 1s, .cap = 20s, .jitter = jitter::plus_minus, .spread = 1}, 40, {4, 7}, 1'142'857'142},
    {constant{.base = 3ns, .jitter = jitter::full}, 2, {5481696862866970, 9007199254740992}, 1},
    {constant{.base = 1'000'003ns, .cap = 1s, .jitter = jitter::full}, 20, {2, 3}, 666'668},
    {constant{.base = 3ns, .cap = 20s, .jitter = jitter::plus_minus, .spread = 0.333333333},
     4,
     {657, 997},
     3},
    {linear{.base = 1'000'003ns, .cap = 1s, .jitter = jitter::full},
     1,
     {1304551693052106, 9007199254740992},
     144'834},
    {linear{.base = 7ns, .cap = 1'000'001ns, .jitter = jitter::equal}, 5, {232, 1000}, 21},
    {linear{.base = 50ms, .cap = 5ns, .jitter = jitter::plus_minus, .spread = 0.2},
     5,
     {3244226873975554, 9007199254740992},
     4},
    {linear{.base = 1'000'003ns, .cap = 20s, .jitter = jitter::none}, 8, {0, 3}, 8'000'024},
    {linear{.base = 999'999'937ns, .cap = 5ns, .jitter = jitter::full}, 20, {555, 997}, 2},
    {linear{.base = 3ns, .cap = 1h, .jitter = jitter::plus_minus, .spread = 1},
     8,
     {1685203589361004, 9007199254740992},
     8},
    {exponential{.base = 50ms, .multiplier = 1.5, .cap = 1h, .jitter = jitter::full},
     1,
     {537, 997},
     26'930'792},
    {exponential{.base = 1'000'003ns, .multiplier = 10, .cap = 1'000'001ns, .jitter = jitter::equal},
     40,
     {1, 3},
     666'667},
    {exponential{.base = 1s, .multiplier = 1.1, .cap = 20s, .jitter = jitter::plus_minus, .spread = 1},
     4,
     {985, 1000},
     2'622'070'000},
    {exponential{.base = 3ns, .multiplier = 2, .cap = 1h, .jitter = jitter::equal},
     40,
     {0, 1},
     824'633'720'832},
    {exponential{.base = 50ms, .multiplier = 2, .cap = 20s, .jitter = jitter::plus_minus, .spread = 1},
     5,
     {762, 997},
     1'222'868'605},
    {exponential{.base = 1'000'003ns,
                 .multiplier = 2.718281828,
                 .cap = 1'000'001ns,
                 .jitter = jitter::plus_minus,
                 .spread = 0.1},
     13,
     {481, 997},
     996'490},
    {exponential{.base = 1ms, .multiplier = 1.1, .cap = duration::max(), .jitter = jitter::none}, 50, half,
     106'718'957},
    {exponential{.base = 1ms, .multiplier = 1.1, .cap = duration::max(), .jitter = jitter::none}, 200, half,
     172'641'160'418'601},
    {exponential{.base = 1ms, .multiplier = 1.234567891, .cap = duration::max(), .jitter = jitter::none}, 10,
     half, 6'662'462},
    {exponential{.base = 1ms, .multiplier = 1.234567891, .cap = duration::max(), .jitter = jitter::none}, 100,
     half, 1'148'108'083'198'449},
    {exponential{.base = 1s, .multiplier = 1.000000001, .cap = duration::max(), .jitter = jitter::none}, 8,
     half, 1'000'000'007},
};

TEST(backoff, delays_are_exact_to_the_nanosecond)
{
    for (auto const& r : rational_rows) {
        auto const index = &r - rational_rows.data();
        EXPECT_EQ(validate(r.law).list(), faults{}) << "row " << index;
        EXPECT_EQ(delay(r.law, r.retry, r.u), duration(r.expected)) << "row " << index;
    }
}

TEST(backoff, decorrelated_delays_are_exact_to_the_nanosecond)
{
    backoff const law = constant{.base = 1'000'000'007ns, .cap = 90s, .jitter = jitter::decorrelated};
    backoff_sequence sequence(law);
    std::vector<chance> const draws{{1, 3}, {0, 2}, {7, 10}, {4, 10}, {0, 2}, {1, 2}, {922, 1000}, {3, 10}};
    std::vector<duration> const expected{1'666'666'678ns, 1'000'000'007ns, 2'400'000'016ns, 3'480'000'024ns,
                                         1'000'000'007ns, 2'000'000'014ns, 5'610'000'039ns, 5'749'000'040ns};
    std::vector<duration> seen;
    for (auto const u : draws) seen.push_back(sequence.next(static_cast<std::uint32_t>(seen.size() + 1), u));
    EXPECT_EQ(seen, expected);
}

TEST(backoff, decorrelated_remembers_a_capped_delay_as_capped)
{
    backoff const law = constant{.base = 50ms, .cap = 40ms, .jitter = jitter::decorrelated};
    EXPECT_EQ(delays(law, 3, {1, 3}), (std::vector<duration>{40ms, 40ms, 40ms}));
}

// Order of questions

TEST(backoff, a_retry_can_be_asked_for_out_of_order)
{
    backoff const law = exponential{.base = 1ms, .multiplier = 1.5, .cap = 1s, .jitter = jitter::none};
    backoff_sequence sequence(law);
    tests::dice dice(10);
    for (int i = 0; i < 500; ++i) {
        auto const retry = dice.between(1U, 30U);
        ASSERT_EQ(sequence.next(retry, half), delay(law, retry)) << retry;
    }
}

TEST(backoff, an_exception_of_a_custom_function_reaches_the_one_who_asked)
{
    backoff const law =
        custom{.delay = [](std::uint32_t) -> duration { throw std::runtime_error("no idea"); }};
    EXPECT_THROW(delay(law, 1), std::runtime_error);
}

TEST(backoff, a_negative_answer_of_a_custom_function_counts_as_zero)
{
    EXPECT_EQ(delay(custom{.delay = [](std::uint32_t) { return duration(-1); }}, 1), 0ns);
    EXPECT_EQ(
        delay(custom{.delay = [](std::uint32_t) { return duration::min(); }, .jitter = jitter::equal}, 1),
        0ns);
}

// Extremes

TEST(backoff, growth_saturates_at_the_longest_duration)
{
    constexpr std::uint32_t far = std::uint32_t{1} << 31U;
    EXPECT_EQ(delay(linear{.base = duration::max(), .cap = duration::max(), .jitter = jitter::none}, far),
              duration::max());
    EXPECT_EQ(delay(linear{.base = 1s, .cap = duration::max(), .jitter = jitter::none}, far),
              far * duration(1s));
    EXPECT_EQ(delay(exponential{.base = 1ns, .cap = duration::max(), .jitter = jitter::none}, far),
              duration::max());
    EXPECT_EQ(delay(exponential{.base = duration::max(),
                                .multiplier = 100,
                                .cap = duration::max(),
                                .jitter = jitter::none},
                    std::numeric_limits<std::uint32_t>::max()),
              duration::max());
    EXPECT_EQ(
        delay(exponential{.base = 1ns, .multiplier = 1, .cap = duration::max(), .jitter = jitter::none}, far),
        1ns);
    EXPECT_EQ(delay(exponential{.base = 0ns, .cap = duration::max(), .jitter = jitter::none}, far), 0ns);
}

TEST(backoff, the_longest_duration_can_be_jittered)
{
    constexpr chance almost_one{(std::uint64_t{1} << 62U) - 1, std::uint64_t{1} << 62U};
    auto const with = [&](jitter how) {
        return delay(constant{.base = duration::max(), .jitter = how, .spread = 1}, 1, almost_one);
    };
    EXPECT_EQ(with(jitter::none), duration::max());
    EXPECT_EQ(with(jitter::full), duration::max() - 2ns);
    EXPECT_EQ(with(jitter::equal), duration::max() - 1ns);
    EXPECT_EQ(with(jitter::plus_minus), duration::max());
    EXPECT_GE(with(jitter::decorrelated), duration::max() - 2ns);
}

jitter any_jitter(tests::dice& dice) { return static_cast<jitter>(dice.below(5)); }

duration any_duration(tests::dice& dice)
{
    return duration(static_cast<std::int64_t>(dice.word() >> dice.between(1U, 63U)));
}

backoff any_law(tests::dice& dice)
{
    auto const base = any_duration(dice);
    auto const how = any_jitter(dice);
    auto const spread = dice.between(0, 1000) / 1000.0;
    auto const cap = any_duration(dice);
    switch (dice.below(4)) {
    case 0: return constant{base, cap, how, spread};
    case 1: return linear{base, cap, how, spread};
    case 2: return exponential{base, dice.between(1000, 100'000) / 1000.0, cap, how, spread};
    default: break;
    }
    auto const delay = [base](std::uint32_t retry) { return retry % 2 == 0 ? -base : base; };
    return custom{delay, cap, how == jitter::decorrelated ? jitter::none : how, spread};
}

TEST(backoff, no_delay_is_negative_or_above_the_cap)
{
    tests::dice dice(11);
    for (int i = 0; i < 5000; ++i) {
        auto const law = any_law(dice);
        ASSERT_EQ(validate(law).list(), faults{});
        auto const cap = std::visit([](auto const& l) { return l.cap; }, law);
        backoff_sequence sequence(law);
        std::uint32_t retry = 0;
        for (int k = 0; k < 20; ++k) {
            retry += dice.one_in(10) ? dice.between(1U, 100'000'000U) : 1U;
            auto const waited = sequence.next(retry, dice.draw());
            ASSERT_GE(waited, 0ns);
            ASSERT_LE(waited, cap);
        }
    }
}

TEST(backoff, a_higher_draw_never_waits_shorter)
{
    tests::dice dice(12);
    for (int i = 0; i < 5000; ++i) {
        auto const law = any_law(dice);
        auto const retry = dice.between(1U, 30U);
        auto const low = dice.word();
        auto const high = low + dice.below(~low);
        ASSERT_LE(delay(law, retry, chance::from_bits(low)), delay(law, retry, chance::from_bits(high)));
    }
}

// Options

TEST(backoff, the_defaults_of_every_law_are_in_range)
{
    EXPECT_TRUE(validate(backoff{}).empty());
    EXPECT_TRUE(validate(constant{}).empty());
    EXPECT_TRUE(validate(linear{}).empty());
    EXPECT_TRUE(validate(custom{.delay = [](std::uint32_t) { return duration(1); }}).empty());
}

TEST(backoff, every_fault_of_an_exponential_law_is_reported_at_once)
{
    EXPECT_EQ(validate(exponential{.base = -1ns, .multiplier = 0.5, .cap = -1s, .spread = 1.5}).list(),
              (faults{{"base", "-1ns", "0 or more"},
                      {"multiplier", "0.5", "1 to 100"},
                      {"spread", "1.5", "0 to 1"},
                      {"cap", "-1s", "0 or more"}}));
}

TEST(backoff, every_fault_of_a_linear_or_constant_law_is_reported_at_once)
{
    faults const expected{
        {"base", "-2ms", "0 or more"}, {"spread", "-0.5", "0 to 1"}, {"cap", "-1ns", "0 or more"}};
    EXPECT_EQ(validate(linear{.base = -2ms, .cap = -1ns, .spread = -0.5}).list(), expected);
    EXPECT_EQ(validate(constant{.base = -2ms, .cap = -1ns, .spread = -0.5}).list(), expected);
}

TEST(backoff, every_fault_of_a_custom_law_is_reported_at_once)
{
    EXPECT_EQ(validate(custom{.cap = -1ns, .jitter = jitter::decorrelated, .spread = 2}).list(),
              (faults{{"delay", "\"empty\"", "a function"},
                      {"jitter", "\"decorrelated\"", "any but decorrelated"},
                      {"spread", "2", "0 to 1"},
                      {"cap", "-1ns", "0 or more"}}));
}

TEST(backoff, both_ends_of_every_range_are_in_it)
{
    EXPECT_TRUE(validate(exponential{.base = 0ns, .multiplier = 1, .cap = 0ns, .spread = 0}).empty());
    EXPECT_TRUE(
        validate(exponential{.base = duration::max(), .multiplier = 100, .cap = duration::max(), .spread = 1})
            .empty());
    EXPECT_EQ(validate(exponential{.multiplier = 100.001}).list().size(), 1U);
    EXPECT_EQ(validate(exponential{.multiplier = 0.999}).list().size(), 1U);
    EXPECT_EQ(validate(constant{.spread = 1.001}).list().size(), 1U);
    EXPECT_EQ(validate(constant{.base = duration::min(), .cap = duration::min()}).list().size(), 2U);
}

TEST(backoff, what_is_not_a_number_is_out_of_range)
{
    EXPECT_EQ(validate(exponential{.multiplier = std::nan(""), .spread = std::nan("")}).list(),
              (faults{{"multiplier", "nan", "1 to 100"}, {"spread", "nan", "0 to 1"}}));
}

TEST(backoff, every_jitter_has_the_name_it_is_written_with)
{
    EXPECT_EQ(to_string(jitter::none), "none");
    EXPECT_EQ(to_string(jitter::full), "full");
    EXPECT_EQ(to_string(jitter::equal), "equal");
    EXPECT_EQ(to_string(jitter::plus_minus), "plus_minus");
    EXPECT_EQ(to_string(jitter::decorrelated), "decorrelated");
    EXPECT_EQ(to_string(static_cast<jitter>(99)), "unknown");
}

} // namespace
