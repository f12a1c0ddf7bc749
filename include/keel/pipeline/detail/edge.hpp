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

    /// Becomes the outcome where the coroutine's result is kept, and not in its frame before.
    template <class T>
    struct delivery
    {
        call& of;
        std::optional<value_of<T>>& value;

        operator outcome<T>() &&
        {
            if (!of.value_stands()) value.reset();
            outcome<T> end(std::move(value), std::move(of.why()), std::move(of.report()));
            if (of.has_policy_to_name()) of.name_policy(end.story_->report.policy);
            return end;
        }
    };

    template <class T>
    static delivery<T> deliver(call& c, std::optional<value_of<T>>& value)
    {
        return {c, value};
    }

    template <class T>
    struct success
    {
        passage& of;
        std::optional<value_of<T>>& value;

        operator outcome<T>() &&
        {
            outcome<T> end;
            end.value_.emplace(*std::move(value));
            end.end_ = of.end();
            return end;
        }
    };

    template <class T>
    static success<T> deliver(passage& p, std::optional<value_of<T>>& value)
    {
        return {p, value};
    }

    template <class T>
    struct refusal
    {
        passage& of;

        operator outcome<T>() &&
        {
            outcome<T> end;
            auto& story = end.story_.emplace();
            of.tell_refusal(story.why, story.report);
            return end;
        }
    };

    template <class T>
    static refusal<T> refuse(passage& p)
    {
        return {p};
    }
};

} // namespace keel::detail
