#pragma once

#include <keel/async/detail/scope.hpp>

#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include <type_traits>
#include <utility>

namespace keel::detail {

/// An executor that does what `Inner` does and knows the scope it was made for. Small enough to be kept by an
/// `any_io_executor` in itself when `Inner` is an `io_context`'s; refers to the scope without counting, for
/// executors are copied several times for each suspension.
template <class Inner>
class scope_executor
{
public:
    scope_executor(Inner inner, scope_ref where) noexcept : inner_(std::move(inner)), where_(where) {}

    scope_ref where() const noexcept { return where_; }
    Inner const& inner() const noexcept { return inner_; }

    template <class Function>
    void execute(Function&& function) const
    {
        inner_.execute(std::forward<Function>(function));
    }

    template <class Property>
        requires asio::can_query<Inner const&, Property>::value
    auto query(Property const& property) const noexcept(asio::is_nothrow_query<Inner const&, Property>::value)
        -> typename asio::query_result<Inner const&, Property>::type
    {
        return asio::query(inner_, property);
    }

    template <class Property>
        requires asio::can_require<Inner const&, Property>::value
    auto require(Property const& property) const
    {
        return wrap(asio::require(inner_, property));
    }

    template <class Property>
        requires(asio::can_prefer<Inner const&, Property>::value &&
                 !asio::can_require<Inner const&, Property>::value)
    auto prefer(Property const& property) const
    {
        return wrap(asio::prefer(inner_, property));
    }

    friend bool operator==(scope_executor const&, scope_executor const&) noexcept = default;

private:
    template <class Other>
    auto wrap(Other&& other) const noexcept
    {
        return scope_executor<std::decay_t<Other>>(std::forward<Other>(other), where_);
    }

    Inner inner_;
    scope_ref where_;
};

} // namespace keel::detail
