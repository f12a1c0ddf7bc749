#pragma once

#include <keel/pipeline/detail/closure_guard.hpp>

#include <boost/asio/awaitable.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace keel {

namespace asio = boost::asio;

/// A named object that moves into a call: `pipeline(send, keel::take(message))`. The call keeps it and hands
/// it to every attempt. Takes no temporaries.
template <class T>
class taken
{
public:
    explicit taken(T& object) noexcept : object_(&object) {}
    T&& get() const noexcept { return std::move(*object_); }

private:
    T* object_;
};

template <class T>
taken<T> take(T& object) noexcept
{
    return taken<T>(object);
}

template <class Fn>
class owned_operation
{
public:
    explicit owned_operation(Fn fn) : fn_(std::move(fn)) {}

    template <class... Args>
    auto operator()(Args&... args) -> std::invoke_result_t<Fn&, Args&...>
    {
        return std::invoke(fn_, args...);
    }

private:
    Fn fn_;
};

/// Promises that an operation and the arguments it is given own everything they use, so that a timeout may
/// abandon it: `pipeline(keel::owning(fn), args...)`.
template <class Fn>
owned_operation<std::decay_t<Fn>> owning(Fn&& fn)
{
    static_assert(!detail::is_doomed_temporary<Fn>, KEEL_DOOMED_CLOSURE);
    return owned_operation<std::decay_t<Fn>>(std::forward<Fn>(fn));
}

namespace detail {

template <class A>
struct stored_argument
{
    using type = std::decay_t<A>;
    static A&& unwrap(std::remove_reference_t<A>& a) noexcept { return static_cast<A&&>(a); }
};
template <class T>
struct stored_argument<taken<T>>
{
    using type = T;
    static T&& unwrap(taken<T>& a) noexcept { return a.get(); }
};
template <class T>
struct stored_argument<taken<T>&> : stored_argument<taken<T>>
{};

template <class T>
inline constexpr bool is_owning = false;
template <class Fn>
inline constexpr bool is_owning<owned_operation<Fn>> = true;

/// Whether nothing in a stored function or argument can refer to something it does not own. Conservative.
template <class T>
inline constexpr bool surely_owns = (std::is_class_v<T> && std::is_empty_v<T>) ||
                                    (std::is_pointer_v<T> && std::is_function_v<std::remove_pointer_t<T>>);

/// A stored argument is the user's own value; only what is plainly a view or a reference is not.
template <class T>
inline constexpr bool refers = (std::is_pointer_v<T> && !std::is_function_v<std::remove_pointer_t<T>>);
template <class C, class Tr>
inline constexpr bool refers<std::basic_string_view<C, Tr>> = true;
template <class T>
inline constexpr bool refers<std::reference_wrapper<T>> = true;
template <class T, std::size_t N>
inline constexpr bool refers<std::span<T, N>> = true;

/// The user's function and arguments, kept for every attempt.
template <class Fn, class... Args>
class operation
{
public:
    using result = std::invoke_result_t<Fn&, Args&...>;
    static constexpr bool owns = is_owning<Fn> || (surely_owns<Fn> && !(refers<Args> || ...));

    template <class F, class... A>
    explicit operation(std::in_place_t, F&& fn, A&&... args)
        : fn_(std::forward<F>(fn)),
          args_(std::forward<A>(args)...)
    {}

    result operator()()
    {
        return std::apply([this](Args&... args) -> result { return std::invoke(fn_, args...); }, args_);
    }

private:
    Fn fn_;
    std::tuple<Args...> args_;
};

template <class A>
struct awaited_by;
template <class T>
struct awaited_by<asio::awaitable<T>>
{
    using type = T;
};

template <class A>
inline constexpr bool is_awaitable = false;
template <class T>
inline constexpr bool is_awaitable<asio::awaitable<T>> = true;

/// The operation that a stored function and stored arguments make, and what it gives.
template <class Fn, class... Args>
struct operation_of
{
    static_assert(
        !is_awaitable<Fn>,
        "keel: give the function and its arguments, not the coroutine that it has returned: another "
        "attempt needs another one.");
    static_assert(is_awaitable<Fn> || std::invocable<Fn&, Args&...> || std::invocable<Fn, Args...>,
                  "keel: the function cannot be called with these arguments.");
    static_assert(std::invocable<Fn&, Args&...> || !std::invocable<Fn, Args...>,
                  "keel: the function must accept its arguments as lvalues, because another attempt may use "
                  "them again.");
    using type = operation<Fn, Args...>;
    static_assert(is_awaitable<typename type::result>, "keel: the operation must return asio::awaitable<T>.");
    using awaited = typename awaited_by<typename type::result>::type;
};

} // namespace detail
} // namespace keel
