#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>

#include <new>
#include <type_traits>
#include <utility>

namespace keel {

namespace asio = boost::asio;

/// The executor of an `io_context`, but that it has no memory for the next `*refusals` functions.
template <class Inner = asio::io_context::executor_type>
class refusing_executor
{
public:
    refusing_executor(Inner inner, int* refusals) noexcept : inner_(std::move(inner)), refusals_(refusals) {}

    template <class Function>
    void execute(Function&& function) const
    {
        if (*refusals_ > 0) {
            --*refusals_;
            throw std::bad_alloc();
        }
        inner_.execute(std::forward<Function>(function));
    }

    template <class Property>
        requires asio::can_query<Inner const&, Property>::value
    decltype(auto) query(Property const& property) const noexcept
    {
        return asio::query(inner_, property);
    }

    template <class Property>
        requires asio::can_require<Inner const&, Property>::value
    auto require(Property const& property) const noexcept
    {
        return wrap(asio::require(inner_, property));
    }

    template <class Property>
        requires(asio::can_prefer<Inner const&, Property>::value &&
                 !asio::can_require<Inner const&, Property>::value)
    auto prefer(Property const& property) const noexcept
    {
        return wrap(asio::prefer(inner_, property));
    }

    friend bool operator==(refusing_executor const&, refusing_executor const&) noexcept = default;

private:
    template <class Other>
    auto wrap(Other&& other) const noexcept
    {
        return refusing_executor<std::decay_t<Other>>(std::forward<Other>(other), refusals_);
    }

    Inner inner_;
    int* refusals_;
};

} // namespace keel
