#pragma once

#include <chrono>
#include <optional>
#include <string_view>

namespace example {

using duration = std::chrono::steady_clock::duration;

inline constexpr duration longest_duration = std::chrono::hours{24};

/// `250ms`, `5s`, `1.5s`, `2min`: up to three decimals; us, ms, s, min or h; at most `longest_duration`.
std::optional<duration> parse_duration(std::string_view text);

/// The same, without zero.
std::optional<duration> parse_positive_duration(std::string_view text);

/// What these parsers take, for messages.
inline constexpr auto any_duration =
    "a duration such as 250ms, 1.5s or 2min (us, ms, s, min, h), at most 24h";
inline constexpr auto some_duration =
    "a duration above zero such as 250ms, 1.5s or 2min (us, ms, s, min, h), at most 24h";

} // namespace example
