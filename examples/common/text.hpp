#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// What the examples share. Its parsers take all of the text or nothing: no blanks, no signs, no missing
/// units.
namespace example {

/// A decimal number from 0 to `most`.
std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t most);

/// A number such as `0.5`, with at most one point and no exponent. A sign is allowed: ranges are up to the
/// caller.
std::optional<double> parse_number(std::string_view text);

/// Text from outside, fit for a one-line message: other bytes than printable ASCII become `?`, and a long
/// text is cut.
std::string printable(std::string_view text, std::size_t longest = 200);

} // namespace example
