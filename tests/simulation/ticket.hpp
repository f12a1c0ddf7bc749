#pragma once

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>

#include <cstdint>

namespace keel::simulated {

/// How an attempt ends. The `judged` ones are values to which only a classifier objects.
enum class ending : std::uint8_t
{
    value,
    judged_failure,
    judged_throttled,
    judged_ignored,
    judge_throws,
    error,           ///< Carried by the result if it can, else thrown.
    error_with_hint, ///< The classifier of failures asks for a pause.
    error_ignored,   ///< The classifier of failures says that it means nothing.
    text,            ///< Throws something that carries no code.
};

/// What an attempt gives, as a value or as an error code: which call and attempt it came from, and how that
/// ended. So every result can be traced to the one attempt that made it.
struct ticket
{
    std::uint32_t call = 0;
    std::uint32_t attempt = 0; ///< Modulo 16.
    ending end = ending::value;

    static constexpr std::uint32_t most_calls = 1U << 22U; ///< So that a ticket fits into an error code.

    std::int32_t pack() const noexcept
    {
        auto const bits = call << 8U | (attempt % 16U) << 4U | static_cast<std::uint32_t>(end);
        return static_cast<std::int32_t>(bits);
    }

    static ticket unpack(std::int64_t packed) noexcept
    {
        auto const bits = static_cast<std::uint32_t>(packed);
        return {bits >> 8U, bits >> 4U & 15U, static_cast<ending>(bits & 15U)};
    }
};

/// The errors of simulated operations. Their values are packed tickets.
boost::system::error_category const& simulated_category() noexcept;

inline boost::system::error_code error_of(ticket t) noexcept { return {t.pack(), simulated_category()}; }

inline bool is_simulated(boost::system::error_code const& e) noexcept
{
    return e.category() == simulated_category();
}

} // namespace keel::simulated
