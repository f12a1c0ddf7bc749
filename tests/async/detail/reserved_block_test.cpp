#include <keel/async/detail/reserved_block.hpp>

#include <gtest/gtest.h>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <cstddef>
#include <functional>

namespace {

namespace asio = boost::asio;
using keel::detail::reserved_block;
using bytes = reserved_block::allocator<std::byte>;

bool lies_in(reserved_block const& block, void const* p)
{
    auto const* const begin = reinterpret_cast<std::byte const*>(&block);
    auto const less = std::less<void const*>();
    return !less(p, begin) && less(p, begin + sizeof(block));
}

/// Whether the next small allocation would be inside.
bool is_free(reserved_block& block)
{
    auto* const p = bytes(block).allocate(1);
    auto const inside = lies_in(block, p);
    bytes(block).deallocate(p, 1);
    return inside;
}

TEST(reserved_block, gives_its_memory_to_one_at_a_time)
{
    reserved_block block;
    auto* const first = bytes(block).allocate(100);
    auto* const second = bytes(block).allocate(100);
    EXPECT_TRUE(lies_in(block, first));
    EXPECT_FALSE(lies_in(block, second));
    bytes(block).deallocate(first, 100);
    EXPECT_TRUE(is_free(block));
    bytes(block).deallocate(second, 100);
    EXPECT_TRUE(is_free(block));
}

TEST(reserved_block, leaves_what_does_not_fit_to_the_heap)
{
    reserved_block block;
    auto* const large = bytes(block).allocate(100'000);
    EXPECT_FALSE(lies_in(block, large));
    EXPECT_TRUE(is_free(block));
    bytes(block).deallocate(large, 100'000);
}

TEST(reserved_block, holds_a_post_until_it_runs)
{
    reserved_block block;
    asio::io_context context(1);
    auto was_free = false;
    auto const own = context.get_executor();
    asio::post(own, asio::bind_allocator(bytes(block), [&block, &was_free, own] {
                   was_free = is_free(block);
                   (void)own;
               }));
    EXPECT_FALSE(is_free(block)) << "a post does not fit: waking might run out of memory";
    context.run();
    EXPECT_TRUE(was_free) << "a post that runs cannot be followed by the next";
}

} // namespace
