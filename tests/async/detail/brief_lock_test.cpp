#include <keel/async/detail/brief_lock.hpp>

#include "support/two_threads.hpp"

#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <thread>

namespace {

using namespace keel;
using keel::detail::brief_lock;

TEST(brief_lock, lets_one_in_at_a_time)
{
    constexpr auto rounds = 100'000;
    brief_lock lock;
    auto count = 0; // the lock is all the protection it has
    on_two_threads([&](unsigned) {
        for (auto i = 0; i < rounds; ++i) {
            std::lock_guard in(lock);
            ++count;
        }
    });
    EXPECT_EQ(count, 2 * rounds);
}

TEST(brief_lock, waits_however_long_it_is_held)
{
    brief_lock lock;
    auto inside = false;
    std::promise<void> held;
    std::promise<void> about_to_wait;
    auto holder = std::async(std::launch::async, [&] {
        std::lock_guard in(lock);
        inside = true;
        held.set_value();
        about_to_wait.get_future().wait();
        for (auto i = 0; i < 1000; ++i) std::this_thread::yield();
        inside = false;
    });
    held.get_future().wait();
    about_to_wait.set_value();
    std::lock_guard in(lock);
    EXPECT_FALSE(inside);
}

} // namespace
