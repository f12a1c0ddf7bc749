// Waits of a coroutine whose executor has several threads and is no strand: the end may come before the
// coroutine has been parked.

#include <keel/async/sleep.hpp>

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;

constexpr auto sleepers = 8;
constexpr auto sleeps = 500;

asio::awaitable<void> nap(std::atomic<int>* ended)
{
    for (auto i = 0; i < sleeps; ++i) {
        co_await sleep_for(i % 2 == 0 ? 0ns : 1us);
        ++*ended;
    }
}

TEST(sleep_among_threads, ends_on_a_pool_without_a_strand)
{
    asio::thread_pool pool(4);
    std::atomic<int> ended{0};
    for (auto i = 0; i < sleepers; ++i) asio::co_spawn(pool, nap(&ended), asio::detached);
    pool.join();
    EXPECT_EQ(ended, sleepers * sleeps);
}

TEST(sleep_among_threads, ends_on_a_context_that_several_threads_run)
{
    asio::io_context context(4);
    std::atomic<int> ended{0};
    for (auto i = 0; i < sleepers; ++i) asio::co_spawn(context, nap(&ended), asio::detached);
    std::vector<std::thread> threads;
    for (auto i = 0; i < 4; ++i) threads.emplace_back([&context] { context.run(); });
    for (auto& t : threads) t.join();
    EXPECT_EQ(ended, sleepers * sleeps);
}

} // namespace
