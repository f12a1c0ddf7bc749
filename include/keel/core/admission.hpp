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
    errc why{};
    grant pass{};
    std::optional<time_point> at{};

    static admission granted(grant g) noexcept { return {kind::granted, errc{}, g, std::nullopt}; }
    static admission reserved(grant g, time_point until) noexcept
    {
        return {kind::wait_until, errc{}, g, until};
    }
    static admission queued() noexcept { return {kind::wait_turn, errc{}, grant{}, std::nullopt}; }

    static admission refused(errc why, std::optional<time_point> retry_at = std::nullopt) noexcept
    {
        return {kind::refused, why, grant{}, retry_at};
    }

    static admission refused(errc why, time_point retry_at) noexcept
    {
        return {kind::refused, why, grant{}, retry_at};
    }

    friend bool operator==(admission const&, admission const&) = default;
};

} // namespace keel
