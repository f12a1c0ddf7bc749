#include <keel/policy/circuit_breaker.hpp>

#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using faults = std::vector<option_fault>;
using breaker = policy::circuit_breaker;

TEST(circuit_breaker, the_default_options_are_in_range)
{
    EXPECT_EQ(validate(circuit_breaker_options{}).list(), faults{});
    circuit_breaker_options o;
    o.window = count_window{};
    EXPECT_TRUE(validate(o).empty());
    o.window = consecutive_window{};
    EXPECT_TRUE(validate(o).empty());
}

TEST(circuit_breaker, every_option_out_of_range_is_reported_at_once)
{
    circuit_breaker_options o;
    o.window = time_window{-1s, 1001};
    o.min_calls = 0;
    o.failure_ratio = 1.5;
    o.slow_call = -1ms;
    o.slow_ratio = 0.0;
    o.open_for = 0ns;
    o.open_multiplier = 0.5;
    o.open_max = -1s;
    o.half_open_permits = 0;
    o.half_open_max = 0ns;
    EXPECT_EQ(validate(o).list(), (faults{{"window.size", "-1s", "above 0"},
                                          {"window.buckets", "1001", "1 to 1000"},
                                          {"min_calls", "0", "at least 1"},
                                          {"failure_ratio", "1.5", "above 0 up to 1, or nullopt"},
                                          {"slow_ratio", "0", "above 0 up to 1, or nullopt"},
                                          {"slow_call", "-1ms", "0 or more, or nullopt"},
                                          {"open_for", "0ns", "above 0"},
                                          {"open_multiplier", "0.5", "1 to 100"},
                                          {"open_max", "-1s", "above 0, or nullopt"},
                                          {"half_open_permits", "0", "at least 1"},
                                          {"half_open_max", "0ns", "above 0, or nullopt"}}));
}

TEST(circuit_breaker, every_kind_of_window_has_ranges_of_its_own)
{
    auto const with = [](auto window) {
        circuit_breaker_options o;
        o.window = window;
        return validate(o).list();
    };
    EXPECT_EQ(with(time_window{0ns, 0}),
              (faults{{"window.size", "0ns", "above 0"}, {"window.buckets", "0", "1 to 1000"}}));
    EXPECT_EQ(with(time_window{0ns, 10}), (faults{{"window.size", "0ns", "above 0"}}));
    EXPECT_EQ(with(time_window{999ns, 1000}),
              (faults{{"window.size", "999ns", "at least a nanosecond for each bucket"}}));
    EXPECT_EQ(with(count_window{0}), (faults{{"window.size", "0", "1 to 1000000"}}));
    EXPECT_EQ(with(count_window{1'000'001}), (faults{{"window.size", "1000001", "1 to 1000000"}}));
    EXPECT_EQ(with(consecutive_window{0}), (faults{{"window.failures", "0", "at least 1"}}));
    EXPECT_EQ(with(time_window{duration::max(), 1000}), faults{});
    EXPECT_EQ(with(time_window{1ns, 1}), faults{});
    EXPECT_EQ(with(time_window{1us, 1000}), faults{});
    EXPECT_EQ(with(count_window{1}), faults{});
    EXPECT_EQ(with(count_window{1'000'000}), faults{});
    EXPECT_EQ(with(consecutive_window{1}), faults{});
}

TEST(circuit_breaker, a_slow_ratio_needs_to_know_what_slow_is)
{
    circuit_breaker_options o;
    o.slow_ratio = 0.5;
    EXPECT_EQ(validate(o).list(),
              (faults{{"slow_call", "\"nullopt\"", "a duration, because slow_ratio is set"}}));
    o.slow_call = 0ns;
    EXPECT_TRUE(validate(o).empty());
}

TEST(circuit_breaker, failures_in_a_row_know_no_slow_ratio)
{
    circuit_breaker_options o;
    o.window = consecutive_window{};
    o.slow_call = 1s;
    EXPECT_TRUE(validate(o).empty());
    o.slow_ratio = 0.5;
    EXPECT_EQ(validate(o).list(),
              (faults{{"slow_ratio", "0.5", "nullopt, because the window is consecutive"}}));
}

TEST(circuit_breaker, something_must_be_able_to_open_it)
{
    circuit_breaker_options o;
    o.failure_ratio = std::nullopt;
    EXPECT_EQ(validate(o).list(),
              (faults{{"failure_ratio", "\"nullopt\"",
                       "a ratio, unless slow_ratio is set or the window is consecutive"}}));
    o.slow_call = 1s;
    o.slow_ratio = 1.0;
    EXPECT_TRUE(validate(o).empty());
    o.slow_ratio = std::nullopt;
    o.window = consecutive_window{};
    EXPECT_TRUE(validate(o).empty());
}

TEST(circuit_breaker, both_ends_of_every_range_are_in_it)
{
    circuit_breaker_options o;
    o.failure_ratio = 1.0;
    o.slow_call = duration::max();
    o.slow_ratio = 1.0;
    o.open_multiplier = 1.0;
    o.open_max = o.open_for;
    o.half_open_max = 1ns;
    EXPECT_EQ(validate(o).list(), faults{});
    o.open_multiplier = 100.0;
    o.open_for = o.open_max.emplace(duration::max());
    o.half_open_max = std::nullopt;
    EXPECT_EQ(validate(o).list(), faults{});
    o.open_max = 0ns;
    EXPECT_EQ(validate(o).list().size(), 1U);
    o.open_multiplier = 100.5;
    EXPECT_EQ(validate(o).list().size(), 2U);
}

TEST(circuit_breaker, a_longest_open_period_shorter_than_the_first_counts_as_the_first)
{
    circuit_breaker_options o;
    o.window = consecutive_window{1};
    o.open_for = 2min;
    o.open_max = 60s;
    breaker b(o);
    b.settle(b.admit(time_point{}).pass, verdict::failure, time_point{});
    EXPECT_EQ(b.snapshot(time_point{}).opens_until, time_point{} + 2min);
}

TEST(circuit_breaker, what_is_not_a_number_is_out_of_range)
{
    circuit_breaker_options o;
    o.failure_ratio = o.slow_ratio = o.open_multiplier = std::nan("");
    o.slow_call = 1s;
    EXPECT_EQ(validate(o).list(), (faults{{"failure_ratio", "nan", "above 0 up to 1, or nullopt"},
                                          {"slow_ratio", "nan", "above 0 up to 1, or nullopt"},
                                          {"open_multiplier", "nan", "1 to 100"}}));
}

TEST(circuit_breaker, options_out_of_range_make_no_breaker)
{
    circuit_breaker_options o;
    o.min_calls = 0;
    o.open_max = 0s;
    try {
        breaker b(o);
        FAIL() << "two options are out of range";
    } catch (invalid_options const& e) {
        EXPECT_STREQ(e.what(),
                     "circuit_breaker: min_calls is 0, allowed is at least 1; open_max is 0ns, allowed is "
                     "above 0, or nullopt");
    }
}

TEST(circuit_breaker, every_state_has_the_name_it_is_written_with)
{
    EXPECT_EQ(to_string(circuit_state::closed), "closed");
    EXPECT_EQ(to_string(circuit_state::open), "open");
    EXPECT_EQ(to_string(circuit_state::half_open), "half_open");
    EXPECT_EQ(to_string(circuit_state::forced_open), "forced_open");
    EXPECT_EQ(to_string(static_cast<circuit_state>(99)), "unknown");
}

} // namespace
