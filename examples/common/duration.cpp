#include "common/duration.hpp"

#include "common/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace example {

namespace {

using unit = std::pair<std::string_view, duration>;

constexpr std::array<unit, 5> units{{
    {"us", std::chrono::microseconds{1}},
    {"ms", std::chrono::milliseconds{1}},
    {"s", std::chrono::seconds{1}},
    {"min", std::chrono::minutes{1}},
    {"h", std::chrono::hours{1}},
}};

/// The `5` of `1.5`, as thousandths.
std::optional<std::uint64_t> parse_decimals(std::string_view text)
{
    constexpr std::size_t most_decimals = 3;

    if (text.size() > most_decimals) return std::nullopt;
    auto thousandths = parse_count(text, 999);
    if (!thousandths) return std::nullopt;
    for (auto i = text.size(); i < most_decimals; ++i) *thousandths *= 10;
    return thousandths;
}

} // namespace

std::optional<duration> parse_duration(std::string_view text)
{
    auto const number = text.substr(0, text.find_first_not_of("0123456789."));
    auto const unit_name = text.substr(number.size());
    auto const* const found = std::ranges::find(units, unit_name, &unit::first);
    if (found == units.end()) return std::nullopt;

    auto const point = number.find('.');
    auto const most = static_cast<std::uint64_t>(longest_duration / found->second);
    auto const whole = parse_count(number.substr(0, point), most);
    auto const thousandths = point == number.npos ? 0 : parse_decimals(number.substr(point + 1));
    if (!whole || !thousandths) return std::nullopt;

    auto const times = [one = found->second](std::uint64_t n) { return one * static_cast<duration::rep>(n); };
    auto const value = times(*whole) + times(*thousandths) / 1000;
    if (value > longest_duration) return std::nullopt;
    return value;
}

std::optional<duration> parse_positive_duration(std::string_view text)
{
    auto const value = parse_duration(text);
    return value > duration::zero() ? value : std::nullopt;
}

} // namespace example
