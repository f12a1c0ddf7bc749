#pragma once

#include <keel/core/error.hpp>

#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <version>
#ifdef __cpp_lib_expected
#include <expected>
#endif

// Whoever returns one has included it; a unit that does not is spared a large header.
namespace boost::system {
template <class T, class E>
class result;
}

namespace keel {

namespace detail {

/// A standard error code as Boost's own. Boost would wrap it, and a wrapped system error does not equal its
/// like: `asio::error::connection_reset` would not be recognised in an operation that uses `std::error_code`.
inline error_code to_boost(std::error_code e)
{
    if (e.category() == std::system_category()) return {e.value(), boost::system::system_category()};
    if (e.category() == std::generic_category()) return {e.value(), boost::system::generic_category()};
    return e;
}
inline error_code to_boost(error_code e) { return e; }

} // namespace detail

/// Tells Keel whether values of `T`, the result of an operation, can carry an error; if so the pipeline reads
/// errors from it and reports its own in it, and nothing is thrown. Specialise it for your own result type:
///
///     static constexpr bool carries_error = true;
///     using value_type = ...;                       // what it holds when all is well; void if nothing
///     static error_code error(T const&);            // no error: it is a success
///     static T from_error(error_code);
template <class T>
struct result_traits
{
    static constexpr bool carries_error = false;
    using value_type = T;
};

template <class U>
struct result_traits<boost::system::result<U, error_code>>
{
    static constexpr bool carries_error = true;
    using value_type = U;
    static error_code error(boost::system::result<U, error_code> const& r)
    {
        return r.has_error() ? r.error() : error_code{};
    }
    static boost::system::result<U, error_code> from_error(error_code e) { return e; }
};

template <class U>
struct result_traits<boost::system::result<U, std::error_code>>
{
    static constexpr bool carries_error = true;
    using value_type = U;
    static error_code error(boost::system::result<U, std::error_code> const& r)
    {
        return r.has_error() ? detail::to_boost(r.error()) : error_code{};
    }
    static boost::system::result<U, std::error_code> from_error(error_code e) { return std::error_code(e); }
};

namespace detail {

template <class Tuple, class Code>
struct tuple_traits
{
    static error_code error(Tuple const& t) { return to_boost(std::get<0>(t)); }

    static Tuple from_error(error_code e)
    {
        Tuple t{};
        std::get<0>(t) = Code(e);
        return t;
    }
};

} // namespace detail

/// Tuples that begin with an error code, as `asio::as_tuple` makes them. The other members must be
/// default-constructible, or the tuple counts as a plain value.
template <class... U>
struct result_traits<std::tuple<error_code, U...>>
    : detail::tuple_traits<std::tuple<error_code, U...>, error_code>
{
    static constexpr bool carries_error = (std::is_default_constructible_v<U> && ...);
    using value_type = std::tuple<error_code, U...>;
};

template <class... U>
struct result_traits<std::tuple<std::error_code, U...>>
    : detail::tuple_traits<std::tuple<std::error_code, U...>, std::error_code>
{
    static constexpr bool carries_error = (std::is_default_constructible_v<U> && ...);
    using value_type = std::tuple<std::error_code, U...>;
};

#ifdef __cpp_lib_expected
template <class U>
struct result_traits<std::expected<U, std::error_code>>
{
    static constexpr bool carries_error = true;
    using value_type = U;
    static error_code error(std::expected<U, std::error_code> const& r)
    {
        return r ? error_code{} : detail::to_boost(r.error());
    }
    static std::expected<U, std::error_code> from_error(error_code e)
    {
        return std::unexpected(std::error_code(e));
    }
};
#endif

/// `T`, or something that can be stored when `T` is void.
template <class T>
using value_of = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

} // namespace keel
