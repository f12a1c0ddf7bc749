#pragma once

#include <keel/async/detail/work.hpp>
#include <keel/async/fallback.hpp>
#include <keel/async/result_traits.hpp>
#include <keel/core/failure.hpp>
#include <keel/pipeline/detail/plan.hpp>

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <variant>

// What a fallback answers in place of the operation, as the operation's type.

namespace keel::detail {

/// Whether a `T` is made from the value inside it, so that an alternative may give just that.
template <class T>
constexpr bool wraps_value() noexcept
{
    using U = typename result_traits<T>::value_type;
    if constexpr (std::is_same_v<T, U>)
        return false;
    else if constexpr (std::is_void_v<U>)
        return std::is_default_constructible_v<T>;
    else
        return std::is_constructible_v<T, U>;
}

/// Whether an alternative gives a `T`, or a value that a `T` can hold.
template <class T>
bool fits(alternative const& a)
{
    if constexpr (wraps_value<T>())
        if (a.produces() == typeid(typename result_traits<T>::value_type)) return true;
    return a.produces() == typeid(T);
}

/// The first fallback one of whose answers can be none to an operation that returns `T`.
template <class T>
std::optional<std::size_t> unfit_fallback(plan const& p)
{
    for (std::size_t i = 0; i < p.steps.size(); ++i)
        if (auto const* f = std::get_if<fallback_step>(&p.steps[i]))
            for (auto const& a : f->state->alternatives)
                if (!fits<T>(*a)) return i;
    return std::nullopt;
}

template <class T, class U>
asio::awaitable<T> convert(asio::awaitable<U> answer)
{
    if constexpr (std::is_void_v<U>) {
        co_await std::move(answer);
        co_return T{};
    } else {
        auto value =
            co_await std::move(answer); // named: GCC 12 would destroy an aggregate made beside co_await twice
        co_return T(std::move(value));
    }
}

/// Starts a fallback's answer: fills `value` if it is there at once, else returns what to await.
template <class T, class U>
work<T> answer_as(alternative_of<U> const& with, failure const& why, std::optional<value_of<T>>& value)
{
    if (with.at_once) {
        if constexpr (std::is_void_v<U>) {
            with.at_once(why);
            value.emplace();
        } else {
            value.emplace(with.at_once(why));
        }
        return {};
    }
    if constexpr (std::is_same_v<T, U>)
        return with.in_time(why);
    else
        return convert<T, U>(with.in_time(why));
}

template <class T>
work<T> answer(alternative const& with, failure const& why, std::optional<value_of<T>>& value)
{
    if constexpr (wraps_value<T>()) {
        using U = typename result_traits<T>::value_type;
        if (with.produces() == typeid(U))
            return answer_as<T>(static_cast<alternative_of<U> const&>(with), why, value);
    }
    return answer_as<T>(static_cast<alternative_of<T> const&>(with), why, value);
}

} // namespace keel::detail
