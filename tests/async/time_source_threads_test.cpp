// The time source among threads.

#include <keel/async/time_source.hpp>

#include "support/bell.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;

TEST(time_source, works_on_a_thread_pool)
{
    asio::thread_pool pool(1);
    asio::any_io_executor const executor = pool.get_executor();
    auto& source = asio::use_service<time_source>(pool);
    std::vector<int> rung;
    bell first(executor, [&] { rung.push_back(1); });
    bell second(executor, [&] { rung.push_back(2); });
    bell never(executor, [&] { rung.push_back(3); });
    asio::post(executor, [&] {
        auto const now = source.now();
        source.arm(never, now + 24h, now);
        source.arm(second, now + 2ms, now);
        source.arm(first, now + 1ms, now);
        asio::post(executor, [&] { source.disarm(never); });
    });
    pool.join();
    EXPECT_EQ(rung, (std::vector{1, 2}));
    EXPECT_EQ(source.armed(), 0u);
}

/// On a strand of its own: arms a deadline that is due at about the time it disarms it, over and over. Counts
/// without atomics: its strand is all the protection it has.
class indecisive final : public deadline
{
public:
    indecisive(asio::any_io_executor on, time_source& source, unsigned seed)
        : deadline(executor_),
          executor_(std::move(on)),
          source_(source),
          random_(seed)
    {}

    static constexpr int rounds = 300;

    void start()
    {
        asio::post(executor_, [this] { next(); });
    }

    int ends() const { return rung_ + disarmed_; }

private:
    void next()
    {
        if (++round_ > rounds) return;
        armed_ = true;
        auto const now = source_.now();
        source_.arm(*this, now + std::chrono::microseconds(random_() % 60), now);
        hesitate(static_cast<int>(random_() % 12));
    }

    void hesitate(int times)
    {
        asio::post(executor_, [this, times, round = round_] {
            if (round != round_ || !armed_) return;
            if (times > 0) return hesitate(times - 1);
            armed_ = false;
            ++disarmed_;
            source_.disarm(*this);
            next();
        });
    }

    void reached() override
    {
        EXPECT_TRUE(armed_) << "rang after it was disarmed";
        armed_ = false;
        ++rung_;
        next();
    }

    asio::any_io_executor executor_;
    time_source& source_;
    std::mt19937 random_;
    bool armed_ = false;
    int round_ = 0;
    int rung_ = 0;
    int disarmed_ = 0;
};

TEST(time_source, on_strands_of_two_threads_each_deadline_rings_or_is_disarmed_and_never_both)
{
    asio::io_context context(2);
    auto& source = asio::use_service<time_source>(context);
    std::vector<std::unique_ptr<indecisive>> all;
    for (auto i = 0U; i < 4; ++i) {
        all.push_back(std::make_unique<indecisive>(asio::make_strand(context.get_executor()), source, i));
        all.back()->start();
    }
    std::thread other([&] { context.run(); });
    context.run();
    other.join();
    for (auto const& each : all) EXPECT_EQ(each->ends(), indecisive::rounds);
    EXPECT_EQ(source.armed(), 0u);
}

/// On a strand of its own: is armed again as it rings, and nothing else keeps the context from running out.
class metronome final : public deadline
{
public:
    metronome(asio::any_io_executor on, time_source& source, unsigned seed)
        : deadline(executor_),
          executor_(std::move(on)),
          source_(source),
          random_(seed)
    {}

    static constexpr int beats = 1000;

    void start()
    {
        asio::post(executor_, [this] { next(); });
    }

    int rung() const { return rung_; }

private:
    void next()
    {
        auto const now = source_.now();
        source_.arm(*this, now + std::chrono::microseconds(random_() % 40), now);
    }

    void reached() override
    {
        if (++rung_ < beats) next();
    }

    asio::any_io_executor executor_;
    time_source& source_;
    std::mt19937 random_;
    int rung_ = 0;
};

TEST(time_source, on_strands_of_two_threads_no_deadline_is_forgotten)
{
    asio::io_context context(2);
    auto& source = asio::use_service<time_source>(context);
    std::vector<std::unique_ptr<metronome>> all;
    for (auto i = 0U; i < 3; ++i) {
        all.push_back(std::make_unique<metronome>(asio::make_strand(context.get_executor()), source, i));
        all.back()->start();
    }
    std::thread other([&] { context.run(); });
    context.run();
    other.join();
    for (auto const& each : all) EXPECT_EQ(each->rung(), metronome::beats);
    EXPECT_EQ(source.armed(), 0u);
}

} // namespace
