#pragma once

#include <keel/core/error.hpp>
#include <keel/core/grant.hpp>
#include <keel/core/time.hpp>

#include <optional>

namespace keel {

/// A gate's answer to "may this call go in?".
struct admission
{
    enum class kind : std::uint8_t
    {
        granted,    ///< Go in; settle `pass` afterwards.
        wait_until, ///< `pass` is reserved; go in at `at`, or give it back.
        wait_turn,  ///< Parked in the gate's queue: a permit will be handed over, or the wait ends.
        refused,    ///< Not now: `why`, and `at` when it is worth asking again (if known).
    };

    kind what = kind::refused;
    errc why{};                     ///< Of a refusal.
    grant pass{};                   ///< The permit of `granted` and `wait_until`.
    std::optional<time_point> at{}; ///< When to go in (`wait_until`), or to ask again (`refused`).

    /// The call goes in with this permit.
    static admission granted(grant g) noexcept { return {kind::granted, errc{}, g, std::nullopt}; }
    /// The permit is the call's from `until` on. Only for a call that can wait.
    static admission reserved(grant g, time_point until) noexcept
    {
        return {kind::wait_until, errc{}, g, until};
    }
    /// The call's waiter is in the gate's queue. Only for a call that can wait.
    static admission queued() noexcept { return {kind::wait_turn, errc{}, grant{}, std::nullopt}; }

    /// The call does not go in, and has taken nothing.
    /// \param why      not `errc{}`
    /// \param retry_at when it is worth asking again; `nullopt`: nobody knows
    static admission refused(errc why, std::optional<time_point> retry_at = std::nullopt) noexcept
    {
        return {kind::refused, why, grant{}, retry_at};
    }

    /// The same when the time is known.
    static admission refused(errc why, time_point retry_at) noexcept
    {
        return {kind::refused, why, grant{}, retry_at};
    }

    friend bool operator==(admission const&, admission const&) = default;
};

} // namespace keel
