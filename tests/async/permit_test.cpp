#include <keel/async/permit.hpp>

#include "support/at_gate.hpp"

#include <keel/async/bulkhead.hpp>
#include <keel/async/circuit_breaker.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<permit>);
static_assert(!std::is_copy_assignable_v<permit>);
static_assert(std::is_nothrow_move_constructible_v<permit>);
static_assert(std::is_nothrow_move_assignable_v<permit>);
static_assert(std::is_nothrow_destructible_v<permit>);

constexpr time_point t0{1000s};

/// A gate that grants everything and notes what becomes of it.
class open_gate final : public gate
{
public:
    struct end
    {
        std::uint64_t generation;
        verdict what;
        time_point at;

        friend bool operator==(end const&, end const&) = default;
    };

    std::string_view name() const noexcept override { return "open_gate"; }

    admission admit(visit const& v) override { return admission::granted({++granted, v.now(), 1}); }

    void settle(grant const& pass, verdict what, visit const& v) noexcept override
    {
        ends.push_back({pass.generation, what, v.now()});
    }

    std::uint64_t granted = 0;
    std::vector<end> ends;
};

class permit_of_a_gate : public ::testing::Test
{
protected:
    permit take(time_point now = t0) { return {gate_, admit_at(*gate_, now)}; }

    std::shared_ptr<open_gate> gate_ = std::make_shared<open_gate>();
    std::vector<open_gate::end> const& ends_ = gate_->ends;
};

using end = std::vector<open_gate::end>;

TEST_F(permit_of_a_gate, is_true_until_it_is_settled)
{
    auto p = take();
    EXPECT_TRUE(p);
    EXPECT_FALSE(p.error());
    EXPECT_FALSE(p.retry_at());
    p.settle(verdict::success, t0 + 1s);
    EXPECT_FALSE(p);
    EXPECT_FALSE(p.error()) << "settled is not refused";
}

TEST_F(permit_of_a_gate, hands_the_verdict_and_the_time_to_the_gate)
{
    take().settle(verdict::throttled, t0 + 5s);
    EXPECT_EQ(ends_, (end{{1, verdict::throttled, t0 + 5s}}));
}

TEST_F(permit_of_a_gate, settled_without_a_time_takes_the_machines_clock)
{
    auto p = take();
    auto const before = steady_now();
    p.settle(verdict::failure);
    auto const after = steady_now();
    ASSERT_EQ(ends_.size(), 1u);
    EXPECT_EQ(ends_[0].what, verdict::failure);
    EXPECT_GE(ends_[0].at, before);
    EXPECT_LE(ends_[0].at, after);
}

TEST_F(permit_of_a_gate, only_the_first_settling_counts)
{
    {
        auto p = take();
        p.settle(verdict::failure, t0 + 1s);
        p.settle(verdict::success, t0 + 2s);
        p.settle(verdict::success);
    }
    EXPECT_EQ(ends_, (end{{1, verdict::failure, t0 + 1s}}));
}

TEST_F(permit_of_a_gate, destroyed_unsettled_it_settles_as_ignored)
{
    {
        auto const p = take();
    }
    EXPECT_EQ(ends_, (end{{1, verdict::ignored, t0}}));
}

TEST_F(permit_of_a_gate, comes_home_when_an_exception_passes)
{
    EXPECT_THROW(
        {
            auto const p = take();
            throw std::runtime_error("the call went wrong");
        },
        std::runtime_error);
    EXPECT_EQ(ends_, (end{{1, verdict::ignored, t0}}));
}

TEST_F(permit_of_a_gate, moving_hands_it_over_and_settles_nothing)
{
    auto from = take();
    {
        auto const to = std::move(from);
        EXPECT_FALSE(from); // NOLINT(bugprone-use-after-move): a moved-from permit is settled
        EXPECT_TRUE(to);
        EXPECT_TRUE(ends_.empty());
    }
    EXPECT_EQ(ends_, (end{{1, verdict::ignored, t0}}));
    from.settle(verdict::failure, t0 + 1s);
    EXPECT_EQ(ends_.size(), 1u);
}

TEST_F(permit_of_a_gate, assigning_settles_the_one_held_before_as_ignored)
{
    auto p = take(t0);
    p = take(t0 + 1s);
    EXPECT_EQ(ends_, (end{{1, verdict::ignored, t0}}));
    p.settle(verdict::success, t0 + 2s);
    EXPECT_EQ(ends_, (end{{1, verdict::ignored, t0}, {2, verdict::success, t0 + 2s}}));
}

TEST_F(permit_of_a_gate, assigning_nothing_lets_it_go)
{
    auto p = take();
    p = permit();
    EXPECT_FALSE(p);
    EXPECT_EQ(ends_, (end{{1, verdict::ignored, t0}}));
}

TEST_F(permit_of_a_gate, assigned_to_itself_it_stays)
{
    auto p = take();
    auto& same = p;
    p = std::move(same);
    EXPECT_TRUE(p);
    EXPECT_TRUE(ends_.empty());
}

TEST_F(permit_of_a_gate, keeps_the_gate_alive_until_it_is_settled)
{
    auto p = take();
    std::weak_ptr<open_gate> const weak = gate_;
    gate_.reset();
    EXPECT_FALSE(weak.expired());
    p.settle(verdict::success, t0);
    EXPECT_TRUE(weak.expired());
}

TEST(permit, made_of_nothing_it_is_none)
{
    permit p;
    EXPECT_FALSE(p);
    EXPECT_FALSE(p.retry_at());
    p.settle(verdict::success);
}

TEST(permit, a_refusal_says_why_and_until_when_and_settles_nothing)
{
    auto const gate = std::make_shared<open_gate>();
    {
        permit refused(gate, admission::refused(errc::circuit_open, t0 + 5s));
        EXPECT_FALSE(refused);
        EXPECT_EQ(refused.error(), errc::circuit_open);
        EXPECT_EQ(refused.error(), condition::rejected);
        EXPECT_EQ(refused.retry_at(), t0 + 5s);
        refused.settle(verdict::success, t0);
        auto const moved = std::move(refused);
        EXPECT_EQ(moved.error(), errc::circuit_open);
        EXPECT_EQ(moved.retry_at(), t0 + 5s);
    }
    EXPECT_TRUE(gate->ends.empty());
    EXPECT_EQ(gate.use_count(), 1) << "a refusal holds nothing";
}

// With the real gates

TEST(permit, outlives_the_handle_it_came_from)
{
    std::optional<bulkhead> rooms(bulkhead_options{.max_concurrent = 1});
    auto const watched = std::weak_ptr(rooms->as_gate());
    auto p = rooms->try_acquire(t0);
    rooms.reset();
    EXPECT_TRUE(p);
    EXPECT_FALSE(watched.expired());
    p.settle(verdict::success, t0 + 1s);
    EXPECT_TRUE(watched.expired());
}

/// A breaker of three trial permits that has been opened by one failure, and whose open period ends at `t0 +
/// 5s`.
circuit_breaker opened_breaker()
{
    circuit_breaker_options o;
    o.window = consecutive_window{.failures = 1};
    o.open_for = 5s;
    o.half_open_permits = 3;
    circuit_breaker breaker(o);
    breaker.try_acquire(t0).settle(verdict::failure, t0);
    return breaker;
}

TEST(permit, half_open_permits_come_home_however_callback_code_drops_them)
{
    auto const breaker = opened_breaker();
    auto const now = t0 + 5s;
    for (auto round = 0; round < 10; ++round) {
        std::vector<permit> trials;
        for (auto i = 0; i < 3; ++i) trials.push_back(breaker.try_acquire(now));
        EXPECT_EQ(breaker.snapshot(now).trials_in_flight, 3u);
        EXPECT_EQ(breaker.try_acquire(now).error(), errc::circuit_half_open);

        trials[0].settle(verdict::ignored, now);
        trials[1] = permit();
        trials.pop_back();
        EXPECT_EQ(breaker.snapshot(now).trials_in_flight, 0u) << "round " << round;
    }
    EXPECT_EQ(breaker.state(), circuit_state::half_open) << "an ignored trial neither closes nor opens";
}

TEST(permit, a_half_open_permit_that_was_given_back_can_still_decide)
{
    auto const breaker = opened_breaker();
    auto const now = t0 + 5s;
    (void)breaker.try_acquire(now);
    for (auto i = 0; i < 3; ++i) breaker.try_acquire(now).settle(verdict::success, now);
    EXPECT_EQ(breaker.state(), circuit_state::closed);
}

TEST(permit, late_news_from_an_older_generation_changes_nothing)
{
    auto const breaker = opened_breaker();
    auto const now = t0 + 5s;
    auto late_failure = breaker.try_acquire(now);
    auto late_nothing = breaker.try_acquire(now);
    breaker.force_close(now);
    late_failure.settle(verdict::failure, now);
    late_nothing = permit();
    EXPECT_EQ(breaker.state(), circuit_state::closed);
    EXPECT_EQ(breaker.snapshot(now).consecutive_failures, 0u);
}

} // namespace
