#pragma once

#include <keel/async/result_traits.hpp>
#include <keel/pipeline/detail/call.hpp>
#include <keel/pipeline/detail/passage.hpp>
#include <keel/pipeline/outcome.hpp>

#include <boost/system/system_error.hpp>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

// The two ways in which the end of a call reaches whoever made it.

namespace keel::detail {

/// Hands the end of a call out as the operation's own type: nothing is thrown if it can carry an error.
struct as_result
{
    template <class T>
    using type = T;
    static constexpr bool tells_story = false;

    template <class T>
    static T deliver(call& c, std::optional<value_of<T>>& value)
    {
        if (c.value_stands()) {
            if constexpr (std::is_void_v<T>)
                return;
            else
                return *std::move(value);
        }
        auto const& why = c.why();
        if (why.exception) std::rethrow_exception(why.exception);
        if constexpr (result_traits<T>::carries_error)
            return result_traits<T>::from_error(why.code);
        else
            throw boost::system::system_error(why.code, c.made_of().name);
    }

    /// Of a call that has met nothing in its way.
    template <class T>
    static T deliver(passage&, std::optional<value_of<T>>& value)
    {
        if constexpr (!std::is_void_v<T>) return *std::move(value);
    }

    /// Of a call that was refused.
    template <class T>
    static T refuse(passage& p)
    {
        if constexpr (result_traits<T>::carries_error)
            return result_traits<T>::from_error(p.refusal());
        else
            throw boost::system::system_error(p.refusal(), p.made_of.name);
    }
};

/// Hands it out as an `outcome`, and throws nothing of the operation's or of a policy's.
struct as_outcome
{
    template <class T>
    using type = outcome<T>;
    static constexpr bool tells_story = true;

    /// Becomes an outcome where the coroutine's result is kept, and not in its frame before.
    template <class T, class Fill>
    struct made_in_place
    {
        Fill fill;

        operator outcome<T>() &&
        {
            outcome<T> end;
            fill(end);
            return end;
        }
    };
    template <class T, class Fill>
    static made_in_place<T, Fill> make(Fill fill)
    {
        return {std::move(fill)};
    }

    template <class T>
    static auto deliver(call& c, std::optional<value_of<T>>& value)
    {
        return make<T>([&](outcome<T>& end) {
            if (c.value_stands() && value) end.value_.emplace(*std::move(value));
            auto& story = end.story_.emplace(std::move(c.why()), std::move(c.report()));
            if (c.has_policy_to_name()) story.report.policy = c.name_policy();
        });
    }

    template <class T>
    static auto deliver(passage& p, std::optional<value_of<T>>& value)
    {
        return make<T>([&](outcome<T>& end) {
            end.value_.emplace(*std::move(value));
            end.end_ = p.end();
        });
    }

    template <class T>
    static auto refuse(passage& p)
    {
        return make<T>([&](outcome<T>& end) {
            auto& story = end.story_.emplace();
            p.tell_refusal(story.why, story.report);
        });
    }
};

} // namespace keel::detail
