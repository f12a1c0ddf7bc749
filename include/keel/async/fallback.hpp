#pragma once

#include <keel/async/result_traits.hpp>
#include <keel/core/failure.hpp>
#include <keel/policy/fallback.hpp>

#include <boost/asio/awaitable.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

namespace keel {

namespace asio = boost::asio;

namespace detail {

/// One answer of a fallback, of a type that only the call knows.
class alternative
{
public:
    explicit alternative(std::type_info const& produces) : produces_(&produces) {}
    alternative(alternative const&) = delete;
    alternative& operator=(alternative const&) = delete;
    virtual ~alternative() = default;

    std::type_info const& produces() const noexcept { return *produces_; }

private:
    std::type_info const* produces_;
};

template <class T>
class alternative_of : public alternative
{
public:
    alternative_of(std::function<T(failure const&)> now) : alternative(typeid(T)), at_once(std::move(now)) {}
    alternative_of(std::function<asio::awaitable<T>(failure const&)> later)
        : alternative(typeid(T)),
          in_time(std::move(later))
    {}

    // Exactly one of the two is set.
    std::function<T(failure const&)> at_once;
    std::function<asio::awaitable<T>(failure const&)> in_time;
};

template <class A>
struct awaited
{
    using type = A;
    static constexpr bool later = false;
};
template <class T>
struct awaited<asio::awaitable<T>>
{
    using type = T;
    static constexpr bool later = true;
};

/// A fixed answer, as it is stored: a string literal becomes a string.
template <class A>
using stored_answer =
    std::conditional_t<std::is_convertible_v<std::decay_t<A>, char const*>, std::string, std::decay_t<A>>;

template <class Function>
std::shared_ptr<alternative const> make_function(Function function)
{
    if constexpr (std::invocable<Function const&, failure const&>) {
        using result = awaited<std::invoke_result_t<Function const&, failure const&>>;
        using T = typename result::type;
        if constexpr (result::later)
            return std::make_shared<alternative_of<T>>(
                std::function<asio::awaitable<T>(failure const&)>(std::move(function)));
        else
            return std::make_shared<alternative_of<T>>(std::function<T(failure const&)>(std::move(function)));
    } else {
        return make_function([call = std::move(function)](failure const&) { return call(); });
    }
}

/// A function, or what looks like a lambda: nobody means that for a value. A class that can be called may be
/// one, a matrix for instance.
template <class T>
inline constexpr bool is_function_of_some_kind =
    std::is_function_v<std::remove_pointer_t<T>> ||
    (requires { &T::operator(); } && (std::is_empty_v<T> || !std::is_copy_assignable_v<T>));

template <class Answer>
std::shared_ptr<alternative const> make_alternative(Answer&& answer)
{
    using stored = stored_answer<Answer>;
    static_assert(!is_function_of_some_kind<stored> || std::invocable<stored&> ||
                      std::invocable<stored&, failure const&>,
                  "keel: a fallback's function takes nothing, or a keel::failure const&.");
    static_assert(
        std::invocable<stored const&> || !std::invocable<stored&>,
        "keel: a fallback's function is called by many calls; it must be callable as const (not mutable).");
    static_assert(
        std::invocable<stored const&, failure const&> || !std::invocable<stored&, failure const&>,
        "keel: a fallback's function is called by many calls; it must be callable as const (not mutable).");
    if constexpr (std::invocable<stored const&, failure const&> || std::invocable<stored const&>)
        return make_function(stored(std::forward<Answer>(answer)));
    else
        return make_function(
            [value = stored(std::forward<Answer>(answer))](failure const&) { return value; });
}

struct fallback_state
{
    policy::fallback choice;
    std::vector<std::shared_ptr<alternative const>> alternatives;
};

} // namespace detail

/// Answers with something else when everything inside it has failed.
///
///     keel::fallback{last_known_price}                                       // a value, copied for each use
///     keel::fallback{[](keel::failure const& why) { return guess(why); }}    // a function
///     keel::fallback{[](keel::failure const& why) { return ask_replica(); }} // one that returns an awaitable
///     keel::fallback{}.when(keel::condition::rejected, cached).when(keel::errc::timed_out, guess)
///
/// An alternative must produce the type the operation returns, or the value inside it when that type carries
/// an error; otherwise the call ends at once with `errc::fallback_type_mismatch`, before the operation runs.
/// A function may refer to its parameter until the awaitable it returns has ended. A classifier judges the
/// answer, as it does the operation's. What an alternative throws becomes the result of the call.
///
/// Never replaced: a cancellation by the caller, a limit further out that has passed, what a predicate threw,
/// and a result of the operation that is judged *ignored*.
///
/// What a timeout abandons may be an alternative: under `abandon` and `grace` it must own what it uses.
///
/// A cheap handle; copies share their alternatives. A pipeline takes a copy of those it has when it is built.
/// Not thread-safe while one is added.
class fallback
{
public:
    explicit fallback(fallback_options options = {})
        : state_(std::make_shared<detail::fallback_state>(
              detail::fallback_state{policy::fallback(std::move(options)), {}}))
    {}

    /// Answers every failure with this value, or with what this function returns.
    template <class Answer>
        requires(!std::same_as<std::remove_cvref_t<Answer>, fallback> &&
                 !std::same_as<std::remove_cvref_t<Answer>, fallback_options>)
    explicit fallback(Answer&& answer) : fallback()
    {
        when(any_failure{}, std::forward<Answer>(answer));
    }

    template <class Answer>
    fallback(fallback_options options, Answer&& answer) : fallback(std::move(options))
    {
        when(any_failure{}, std::forward<Answer>(answer));
    }

    /// Answers the failures that match, unless an earlier alternative does. `what` is an error code, an error
    /// condition, `any_failure{}`, or a function from `failure const&` to bool.
    template <class What, class Answer>
    fallback& when(What what, Answer&& answer)
    {
        auto made = detail::make_alternative(std::forward<Answer>(answer));
        state_->alternatives.reserve(state_->alternatives.size() + 1); // both or neither
        state_->choice.add(to_match(std::move(what)));
        state_->alternatives.push_back(std::move(made));
        return *this;
    }

    std::shared_ptr<detail::fallback_state const> state() const noexcept { return state_; }

private:
    template <class What>
    static failure_match to_match(What what)
    {
        if constexpr (boost::system::is_error_condition_enum<What>::value)
            return error_condition(what);
        else if constexpr (boost::system::is_error_code_enum<What>::value)
            return error_code(what);
        else if constexpr (std::invocable<What, failure const&>)
            return std::function<bool(failure const&)>(what);
        else
            return what;
    }

    std::shared_ptr<detail::fallback_state> state_;
};

} // namespace keel
