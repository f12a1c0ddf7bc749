#include <keel/policy/circuit_breaker.hpp>

#include "support/dice.hpp"
#include "support/naive_breaker.hpp"
#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using policy::tally;
using breaker = policy::circuit_breaker;

struct setting
{
    circuit_breaker_options options;
    tests::naive_breaker::rules rules;
};

/// The same circuit in both languages: window, ratios and periods are drawn.
setting any_setting(tests::dice& dice)
{
    setting s;
    auto& [o, r] = s;
    switch (dice.below(3)) {
    case 0:
        r.last = dice.between<std::size_t>(1, 12);
        o.window = count_window{*r.last};
        break;
    case 1:
        r.slices = dice.between<std::int64_t>(1, 6);
        r.slice = dice.between(5ns, 40ns);
        o.window = time_window{*r.slice * r.slices, static_cast<std::size_t>(r.slices)};
        break;
    default:
        r.in_a_row = dice.between<std::size_t>(1, 4);
        o.window = consecutive_window{*r.in_a_row};
        break;
    }
    r.min_calls = o.min_calls = dice.between<std::size_t>(1, 8);
    r.failure_percent = dice.one_in(4) ? std::nullopt : std::optional(dice.between<std::size_t>(1, 100));
    r.slow_call = dice.between(0ns, 10ns);
    if (!std::holds_alternative<consecutive_window>(o.window))
        r.slow_percent = dice.one_in(2) && r.failure_percent
                             ? std::nullopt
                             : std::optional(dice.between<std::size_t>(1, 100));
    o.slow_call = r.slow_call;
    o.failure_ratio.reset();
    if (r.failure_percent) o.failure_ratio = static_cast<double>(*r.failure_percent) / 100;
    if (r.slow_percent) o.slow_ratio = static_cast<double>(*r.slow_percent) / 100;
    r.open_for = o.open_for = dice.between(1ns, 60ns);
    r.open_multiplier = dice.between<std::int64_t>(1, 4);
    o.open_multiplier = static_cast<double>(r.open_multiplier);
    r.open_max = o.open_max = o.open_for + dice.between(0ns, 300ns);
    r.permits = o.half_open_permits = dice.between<std::size_t>(1, 4);
    r.half_open_max = dice.one_in(3) ? std::nullopt : std::optional(dice.between(1ns, 80ns));
    o.half_open_max = r.half_open_max;
    return s;
}

using edge = std::pair<circuit_state, circuit_state>;

std::set<edge> const legal_edges{{circuit_state::closed, circuit_state::open},
                                 {circuit_state::open, circuit_state::half_open},
                                 {circuit_state::half_open, circuit_state::open},
                                 {circuit_state::half_open, circuit_state::closed}};

/// One history: random calls against a circuit, its description in a model, and its laws.
class history
{
public:
    explicit history(tests::dice& dice) : history(dice, any_setting(dice)) {}

    void step()
    {
        now_ += dice_.one_in(30) ? dice_.between(0ns, 200ns) : dice_.between(0ns, 6ns);
        auto const before = breaker_.state();
        auto forced = false;
        if (dice_.one_in(500)) {
            force();
            forced = true;
        } else if (in_flight_.empty() || dice_.one_in(2)) {
            admit();
        } else {
            settle(dice_.below(4U));
        }
        check_laws(before, forced);
    }

    /// However the calls in flight end, an open circuit lets somebody in once its time has come.
    void expect_alive()
    {
        if (breaker_.state() == circuit_state::forced_open) return;
        while (!in_flight_.empty()) settle(3);
        if (auto const until = breaker_.snapshot(now_).opens_until) now_ = std::max(now_, *until);
        auto answer = breaker_.admit(now_);
        if (answer.at) answer = breaker_.admit(now_ = *answer.at); // it had been half-open for too long
        EXPECT_EQ(answer.what, admission::kind::granted);
    }

private:
    history(tests::dice& dice, setting const& s)
        : dice_(dice),
          naive_(s.rules),
          breaker_(s.options),
          permits_(s.rules.permits)
    {}

    void admit()
    {
        auto const before = breaker_.state();
        auto const answer = breaker_.admit(now_);
        auto const granted = answer.what == admission::kind::granted;
        ASSERT_EQ(granted, naive_.admit(now_));
        if (granted) {
            ASSERT_EQ(answer.pass, (grant{naive_.generation(), now_, 1}));
            in_flight_.push_back(answer.pass);
        } else {
            ASSERT_EQ(answer.at, naive_.until());
        }
        if (before == circuit_state::closed) {
            ASSERT_TRUE(granted) << "closed admits all";
        }
    }

    void settle(unsigned what)
    {
        auto const call = in_flight_.begin() + static_cast<std::ptrdiff_t>(dice_.below(in_flight_.size()));
        auto const pass = *call;
        in_flight_.erase(call);
        auto const v = static_cast<verdict>(what);
        ASSERT_EQ(breaker_.settle(pass, v, now_), naive_.settle(pass.generation, pass.at, v, now_));
    }

    void force()
    {
        if (breaker_.state() != circuit_state::forced_open && dice_.one_in(2)) {
            breaker_.force_open(now_);
            naive_.force_open(now_);
        } else {
            breaker_.force_close(now_);
            naive_.force_close(now_);
        }
    }

    void check_laws(circuit_state before, bool forced) const
    {
        auto const seen = breaker_.snapshot(now_);
        ASSERT_EQ(seen.state, naive_.state());
        ASSERT_EQ(seen.generation, naive_.generation());
        ASSERT_EQ(seen.window, naive_.window(now_));
        ASSERT_EQ(seen.consecutive_failures, naive_.failures_in_a_row());
        ASSERT_EQ(seen.trials_in_flight, naive_.in_flight());
        ASSERT_EQ(seen.opens_until, naive_.until());
        if (seen.state == circuit_state::half_open) {
            ASSERT_LE(seen.trials_in_flight + seen.window.total, permits_);
        }
        if (seen.state == circuit_state::open) {
            ASSERT_EQ(seen.window, tally{});
        }
        if (before != seen.state && !forced) {
            ASSERT_TRUE(legal_edges.contains({before, seen.state})) << before << " to " << seen.state;
        }
    }

    tests::dice& dice_;
    tests::naive_breaker naive_;
    breaker breaker_;
    std::size_t permits_;
    std::vector<grant> in_flight_;
    time_point now_{};
};

TEST(circuit_breaker, decides_as_a_model_that_looks_through_all_outcomes_and_keeps_its_laws)
{
    tests::dice dice(22);
    for (int run = 0; run < 200; ++run) {
        history h(dice);
        for (int i = 0; i < 500; ++i) {
            h.step();
            if (HasFatalFailure()) FAIL() << "run " << run << ", step " << i;
        }
        h.expect_alive();
    }
}

} // namespace
