#include <keel/async/detail/result_slot.hpp>

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <cerrno>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

namespace {

using namespace keel;
using keel::detail::result_slot;
namespace asio = boost::asio;

/// What a slot says of an exception.
template <class Exception>
failure captured(Exception const& e)
{
    result_slot<int> slot;
    try {
        throw e;
    } catch (...) {
        slot.capture();
    }
    return slot.error;
}

TEST(result_slot, starts_with_neither_a_value_nor_an_error)
{
    result_slot<int> const slot;
    EXPECT_FALSE(slot.value);
    EXPECT_FALSE(slot.error.code);
    EXPECT_FALSE(slot.error.exception);
    EXPECT_FALSE(slot.error.from_policy);
}

TEST(result_slot, keeps_the_code_and_the_exception_itself)
{
    auto const seen = captured(boost::system::system_error(asio::error::connection_reset, "while reading"));
    EXPECT_EQ(seen.code, asio::error::connection_reset);
    EXPECT_FALSE(seen.from_policy);
    EXPECT_THROW(std::rethrow_exception(seen.exception), boost::system::system_error);
}

TEST(result_slot, reads_a_standard_exception_with_a_code_as_asio_would_report_it)
{
    auto const system = captured(std::system_error(ECONNRESET, std::system_category()));
    EXPECT_EQ(system.code, asio::error::connection_reset);
    auto const generic = captured(std::system_error(std::make_error_code(std::errc::connection_reset)));
    EXPECT_EQ(generic.code, boost::system::errc::connection_reset);
    EXPECT_THROW(std::rethrow_exception(generic.exception), std::system_error);
}

TEST(result_slot, an_exception_without_a_code_is_kept_without_one)
{
    auto const seen = captured(std::runtime_error("no"));
    EXPECT_FALSE(seen.code);
    EXPECT_THROW(std::rethrow_exception(seen.exception), std::runtime_error);
}

TEST(result_slot, anything_that_can_be_thrown_is_kept)
{
    auto const seen = captured(std::string("text"));
    EXPECT_FALSE(seen.code);
    EXPECT_THROW(std::rethrow_exception(seen.exception), std::string);
}

TEST(result_slot, an_error_takes_the_place_of_a_value)
{
    result_slot<std::unique_ptr<int>> slot;
    slot.value.emplace(std::make_unique<int>(1));
    try {
        throw std::runtime_error("no");
    } catch (...) {
        slot.capture();
    }
    EXPECT_FALSE(slot.value);
    EXPECT_TRUE(slot.error.exception);
}

} // namespace
