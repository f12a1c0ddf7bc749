#include "common/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

namespace example {

namespace {

bool is_printable(char c) { return c >= ' ' && c <= '~'; }

template <class Number, class... Format>
std::optional<Number> parse_all(std::string_view text, Format... format)
{
    Number number{};
    auto const* const end = text.data() + text.size();
    auto const [stop, error] = std::from_chars(text.data(), end, number, format...);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return number;
}

} // namespace

std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t most)
{
    auto const number = parse_all<std::uint64_t>(text);
    return number && *number <= most ? number : std::nullopt;
}

std::optional<double> parse_number(std::string_view text)
{
    auto const number = parse_all<double>(text, std::chars_format::fixed);
    return number && std::isfinite(*number) ? number : std::nullopt; // "inf" and "nan" are numbers to C++
}

std::string printable(std::string_view text, std::size_t longest)
{
    std::string line{text.substr(0, longest)};
    std::ranges::replace_if(line, [](char c) { return !is_printable(c); }, '?');
    return text.size() > longest ? line + "..." : line;
}

} // namespace example
