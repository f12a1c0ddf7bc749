#include <keel/async/result_traits.hpp>

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>
#include <boost/system/result.hpp>

#include <memory>
#include <string>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <variant>

namespace {

using namespace keel;
namespace asio = boost::asio;
template <class T, class E = error_code>
using result = boost::system::result<T, E>;

struct no_default
{
    explicit no_default(int v) : value(v) {}
    int value;
};

template <class T>
constexpr bool carries_error = result_traits<T>::carries_error;
template <class T>
using value_in = typename result_traits<T>::value_type;

// Plain values carry no error, whatever they look like.
static_assert(!carries_error<void>);
static_assert(!carries_error<int>);
static_assert(!carries_error<error_code>);
static_assert(!carries_error<std::unique_ptr<int>>);
static_assert(!carries_error<std::tuple<>>);
static_assert(!carries_error<std::tuple<int, error_code>>);
static_assert(!carries_error<std::tuple<error_code, no_default>>);
static_assert(!carries_error<std::tuple<std::error_code, int, no_default>>);
static_assert(std::is_void_v<value_in<void>>);
static_assert(std::is_same_v<value_in<std::string>, std::string>);

static_assert(carries_error<result<int>>);
static_assert(carries_error<result<void>>);
static_assert(carries_error<result<no_default>>);
static_assert(carries_error<result<std::unique_ptr<int>, std::error_code>>);
static_assert(carries_error<std::tuple<error_code>>);
static_assert(carries_error<std::tuple<error_code, std::size_t>>);
static_assert(carries_error<std::tuple<std::error_code, std::unique_ptr<int>>>);
static_assert(std::is_same_v<value_in<result<int>>, int>);
static_assert(std::is_void_v<value_in<result<void, std::error_code>>>);
static_assert(std::is_same_v<value_in<std::tuple<error_code, int>>, std::tuple<error_code, int>>);

static_assert(std::is_same_v<value_of<void>, std::monostate>);
static_assert(std::is_same_v<value_of<int>, int>);

template <class T>
class error_carrier : public ::testing::Test
{};

using carriers =
    ::testing::Types<result<int>, result<void>, result<no_default>, result<std::unique_ptr<int>>,
                     result<int, std::error_code>, result<void, std::error_code>, std::tuple<error_code>,
                     std::tuple<error_code, int>, std::tuple<error_code, std::unique_ptr<int>, std::string>,
                     std::tuple<std::error_code>, std::tuple<std::error_code, int>>;
TYPED_TEST_SUITE(error_carrier, carriers);

TYPED_TEST(error_carrier, gives_back_keels_own_error_unchanged)
{
    using traits = result_traits<TypeParam>;
    for (auto const e : {errc::timed_out, errc::circuit_open, errc::bulkhead_full}) {
        error_code const back = traits::error(traits::from_error(e));
        EXPECT_EQ(back, e);
        EXPECT_EQ(back == condition::timed_out, e == errc::timed_out);
        EXPECT_EQ(back == condition::rejected, e != errc::timed_out);
    }
}

TYPED_TEST(error_carrier, gives_back_an_error_of_the_system_unchanged)
{
    using traits = result_traits<TypeParam>;
    error_code const reset = asio::error::connection_reset;
    error_code const back = traits::error(traits::from_error(reset));
    EXPECT_EQ(back, reset);
    EXPECT_EQ(back.message(), reset.message());
}

TYPED_TEST(error_carrier, a_made_error_is_no_success)
{
    using traits = result_traits<TypeParam>;
    EXPECT_TRUE(traits::error(traits::from_error(errc::rate_limited)).failed());
}

TEST(result_traits, a_result_that_holds_a_value_has_no_error)
{
    EXPECT_FALSE(result_traits<result<int>>::error(1));
    EXPECT_FALSE(result_traits<result<void>>::error({}));
    EXPECT_FALSE((result_traits<result<int, std::error_code>>::error(1)));
}

TEST(result_traits, reads_a_standard_error_code)
{
    using traits = result_traits<result<int, std::error_code>>;
    auto const refused = std::make_error_code(std::errc::connection_refused);
    EXPECT_EQ(traits::error(refused), boost::system::errc::connection_refused);
}

TEST(result_traits, a_tuple_has_an_error_when_its_first_member_is_one)
{
    using traits = result_traits<std::tuple<error_code, int>>;
    EXPECT_FALSE(traits::error({error_code(), 7}));
    EXPECT_EQ(traits::error({asio::error::eof, 7}), asio::error::eof);
}

TEST(result_traits, a_tuple_made_from_an_error_has_default_values_otherwise)
{
    auto const [code, number, text] =
        result_traits<std::tuple<error_code, int, std::string>>::from_error(errc::timed_out);
    EXPECT_EQ(code, errc::timed_out);
    EXPECT_EQ(number, 0);
    EXPECT_EQ(text, "");
}

TEST(result_traits, a_tuple_may_carry_a_standard_error_code)
{
    using traits = result_traits<std::tuple<std::error_code, int>>;
    EXPECT_FALSE(traits::error({std::error_code(), 7}));
    EXPECT_EQ(traits::error({std::make_error_code(std::errc::broken_pipe), 7}),
              boost::system::errc::broken_pipe);
}

} // namespace

/// A user's own result type.
namespace elsewhere {

struct reply
{
    int status = 200;
};

} // namespace elsewhere

template <>
struct keel::result_traits<elsewhere::reply>
{
    static constexpr bool carries_error = true;
    using value_type = int;
    static error_code error(elsewhere::reply const& r)
    {
        return r.status < 500 ? error_code{} : error_code(asio::error::fault);
    }
    static elsewhere::reply from_error(error_code) { return {503}; }
};

namespace {

TEST(result_traits, can_be_taught_a_type_of_the_users)
{
    using traits = result_traits<elsewhere::reply>;
    static_assert(traits::carries_error);
    EXPECT_FALSE(traits::error({200}));
    EXPECT_TRUE(traits::error(traits::from_error(errc::timed_out)).failed());
}

} // namespace
