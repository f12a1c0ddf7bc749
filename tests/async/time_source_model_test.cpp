// The time source against a model of it, in virtual time.

#include <keel/async/time_source.hpp>

#include <keel/testing/virtual_time.hpp>

#include "support/bell.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using keel::testing::virtual_time;

/// Sixty deadlines, of as many lengths as a seed says, that arm and disarm each other as it says. Run by the
/// time source or by a model of it.
class tangle
{
public:
    using arm_function = std::function<void(std::size_t, duration)>;
    using disarm_function = std::function<void(std::size_t)>;

    static constexpr std::size_t size = 60;

    tangle(unsigned seed, arm_function arm, disarm_function disarm)
        : random_(seed),
          arm_(std::move(arm)),
          disarm_(std::move(disarm)),
          lengths_(3 + seed % 30)
    {
        for (std::size_t i = 0; i < size; ++i) start(i);
    }

    void rang(std::size_t i, duration at)
    {
        armed_[i] = false;
        log_.emplace_back(i, at);
        if (log_.size() > 3000) return;
        for (auto k = random_() % 4; k > 0; --k) {
            auto const other = random_() % size;
            if (armed_[other])
                stop(other);
            else
                start(other);
        }
    }

    std::vector<std::pair<std::size_t, duration>> const& log() const { return log_; }

private:
    void start(std::size_t i)
    {
        armed_[i] = true;
        arm_(i, std::chrono::milliseconds(random_() % lengths_));
    }

    void stop(std::size_t i)
    {
        armed_[i] = false;
        disarm_(i);
    }

    std::mt19937 random_;
    arm_function arm_;
    disarm_function disarm_;
    unsigned lengths_;
    bool armed_[size] = {};
    std::vector<std::pair<std::size_t, duration>> log_;
};

std::vector<std::pair<std::size_t, duration>> by_the_model(unsigned seed)
{
    std::map<std::pair<duration, std::uint64_t>, std::size_t> queue;
    std::map<std::size_t, std::pair<duration, std::uint64_t>> place;
    duration now{};
    std::uint64_t sequence = 0;
    tangle t(
        seed,
        [&](std::size_t i, duration in) {
            place[i] = {now + in, ++sequence};
            queue[place[i]] = i;
        },
        [&](std::size_t i) { queue.erase(place[i]); });
    while (!queue.empty()) {
        auto const [key, i] = *queue.begin();
        queue.erase(queue.begin());
        now = key.first;
        t.rang(i, now);
    }
    return t.log();
}

std::vector<std::pair<std::size_t, duration>> by_the_time_source(unsigned seed)
{
    asio::io_context context(1);
    asio::any_io_executor const executor = context.get_executor();
    auto& clock = virtual_time::install(context);
    std::optional<tangle> t;
    std::vector<std::unique_ptr<bell>> bells;
    for (std::size_t i = 0; i < tangle::size; ++i)
        bells.push_back(
            std::make_unique<bell>(executor, [&, i] { t->rang(i, clock.now().time_since_epoch()); }));
    t.emplace(
        seed,
        [&](std::size_t i, duration in) {
            auto const some_time_ago = clock.now() - std::chrono::microseconds(i * 20);
            clock.arm(*bells[i], clock.now() + in, some_time_ago);
        },
        [&](std::size_t i) { clock.disarm(*bells[i]); });
    while (clock.step(context)) {}
    EXPECT_EQ(clock.armed(), 0u);
    return t->log();
}

TEST(time_source, does_what_a_model_does_whatever_is_armed_and_disarmed_when)
{
    std::size_t rung = 0;
    for (auto seed = 1U; seed <= 60; ++seed) {
        auto const expected = by_the_model(seed);
        ASSERT_EQ(by_the_time_source(seed), expected) << "seed " << seed;
        rung += expected.size();
    }
    EXPECT_GT(rung, 3000u) << "the tangles are worth the trouble";
}

TEST(time_source, very_many_that_fire_at_once_can_be_disarmed_in_any_order)
{
    // So many that a search through all of them for each would outlast the time limit of the test run.
    constexpr std::size_t many = 300'000;
    for (auto const backwards : {false, true}) {
        asio::io_context context(1);
        asio::any_io_executor const executor = context.get_executor();
        auto& clock = virtual_time::install(context);
        std::deque<bell> bells;
        std::size_t rung = 0;
        auto const disarm_most = [&] {
            for (std::size_t i = 1; i < many; ++i)
                if (auto const k = backwards ? many - i : i; k % 4 != 0) clock.disarm(bells[k]);
        };
        for (std::size_t i = 0; i < many; ++i) {
            auto const on_time = [&, i] {
                if (i == 0) disarm_most();
                rung += i % 4 == 0 ? 1 : many;
            };
            bells.emplace_back(executor, on_time);
            clock.arm(bells.back(), time_point{1s}, clock.now());
        }
        EXPECT_TRUE(clock.step(context));
        EXPECT_EQ(rung, many / 4);
        EXPECT_EQ(clock.armed(), 0u);
    }
}

} // namespace
