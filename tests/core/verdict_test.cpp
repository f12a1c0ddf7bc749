#include <keel/core/verdict.hpp>

#include <gtest/gtest.h>

namespace {

using namespace keel;

TEST(verdict, every_verdict_has_the_name_it_is_written_with)
{
    EXPECT_EQ(to_string(verdict::success), "success");
    EXPECT_EQ(to_string(verdict::failure), "failure");
    EXPECT_EQ(to_string(verdict::throttled), "throttled");
    EXPECT_EQ(to_string(verdict::ignored), "ignored");
    EXPECT_EQ(to_string(static_cast<verdict>(99)), "unknown");
}

} // namespace
