#include <keel/async/detail/brief_lock.hpp>

#include "support/two_threads.hpp"

#include <gtest/gtest.h>

#include <mutex>
#include <thread>

namespace {

using keel::detail::brief_lock;

TEST(brief_lock, lets_one_thread_in_at_a_time)
{
    brief_lock lock;
    auto count = 0;
    keel::on_two_threads([&](unsigned) {
        for (auto i = 0; i < 100'000; ++i) {
            std::lock_guard guard(lock);
            ++count;
        }
    });
    EXPECT_EQ(count, 200'000);
}

TEST(brief_lock, waits_for_one_who_takes_long)
{
    brief_lock lock;
    auto inside = 0;
    keel::on_two_threads([&](unsigned) {
        for (auto i = 0; i < 20; ++i) {
            std::lock_guard guard(lock);
            ++inside;
            for (auto turn = 0; turn < 500; ++turn) std::this_thread::yield();
            EXPECT_EQ(inside, 1);
            --inside;
        }
    });
}

TEST(brief_lock, of_the_only_thread_is_free_for_those_that_come_later)
{
    brief_lock lock;
    for (auto round = 0; round < 3; ++round) {
        EXPECT_TRUE(lock.try_lock());
        lock.unlock();
        auto taken = false;
        std::thread([&] {
            taken = lock.try_lock();
            if (taken) lock.unlock();
        }).join();
        EXPECT_TRUE(taken);
    }
}

} // namespace
