#include <keel/async/detail/frame_pool.hpp>

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace {

using keel::detail::frame_pool;

TEST(frame_pool, blocks_are_as_large_as_asked_for_and_apart)
{
    std::vector<std::byte*> blocks;
    std::vector<std::size_t> const sizes{1, 63, 64, 65, 1000, 4095, 4096, 4097, 100'000};
    for (auto const size : sizes) {
        blocks.push_back(static_cast<std::byte*>(frame_pool::allocate(size)));
        std::memset(blocks.back(), static_cast<int>(blocks.size()), size);
    }
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        EXPECT_EQ(blocks[i][0], std::byte(i + 1)) << sizes[i];
        EXPECT_EQ(blocks[i][sizes[i] - 1], std::byte(i + 1)) << sizes[i];
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(blocks[i]) % alignof(std::max_align_t), 0u);
        frame_pool::deallocate(blocks[i], sizes[i]);
    }
}

#ifndef BOOST_ASIO_DISABLE_SMALL_BLOCK_RECYCLING
TEST(frame_pool, gives_the_block_again_that_was_freed_last)
{
    auto* const first = frame_pool::allocate(700);
    frame_pool::deallocate(first, 700);
    auto* const second = frame_pool::allocate(690); // of the same size class
    EXPECT_EQ(second, first);
    frame_pool::deallocate(second, 690);
}
#endif

TEST(frame_pool, takes_blocks_of_another_thread_and_more_than_it_keeps)
{
    std::vector<void*> blocks(1000);
    std::thread([&] {
        for (auto& b : blocks) b = frame_pool::allocate(200);
    }).join();
    for (auto* b : blocks) frame_pool::deallocate(b, 200);
    std::thread([&] {
        for (auto& b : blocks) b = frame_pool::allocate(200);
        for (auto* b : blocks) frame_pool::deallocate(b, 200);
    }).join(); // which frees what it kept: the leak sanitizer would tell
}

} // namespace
