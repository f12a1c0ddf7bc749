// Durations, counts and numbers on a command line, against a reading by hand.

#include "input.hpp"
#include "law.hpp"

#include "common/duration.hpp"
#include "common/text.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace keel;
using fuzz::law;

__extension__ using wide = __int128;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view take_digits(std::string_view& text)
{
    auto const end = std::find_if_not(text.begin(), text.end(), is_digit);
    auto const digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(digits.size());
    return digits;
}

/// The number the digits say; anything above 10^18 is as good as that.
wide value_of(std::string_view digits)
{
    wide value = 0;
    for (auto const c : digits) value = std::min<wide>(value * 10 + (c - '0'), 1'000'000'000'000'000'000);
    return value;
}

/// `DIGITS[.DIGITS]UNIT`, up to three decimals, up to 24 h.
std::optional<wide> duration_by_hand(std::string_view text)
{
    static std::map<std::string_view, wide> const units{{"us", 1'000},
                                                        {"ms", 1'000'000},
                                                        {"s", 1'000'000'000},
                                                        {"min", 60'000'000'000},
                                                        {"h", 3'600'000'000'000}};
    auto const whole = take_digits(text);
    std::string decimals;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        decimals = take_digits(text);
        if (decimals.empty() || decimals.size() > 3) return std::nullopt;
    }
    decimals.resize(3, '0');
    auto const unit = units.find(text);
    if (whole.empty() || unit == units.end()) return std::nullopt;
    auto const thousandths = value_of(whole) * 1000 + value_of(decimals);
    auto const nanoseconds = thousandths * unit->second / 1000;
    return nanoseconds <= 24 * units.at("h") ? std::optional(nanoseconds) : std::nullopt;
}

void check_durations(std::string_view text)
{
    auto const expected = duration_by_hand(text);
    auto const found = example::parse_duration(text);
    law(found.has_value() == expected.has_value(), "exactly what is written as a duration is one");
    law(!found || found->count() == *expected, "a duration is as long as it is written");
    law(example::parse_positive_duration(text) == (expected > 0 ? found : std::nullopt),
        "a duration above zero is any but zero");
}

void check_counts(std::string_view text, std::uint64_t most)
{
    auto rest = text;
    auto const digits = take_digits(rest);
    auto const is_count = !digits.empty() && rest.empty() && value_of(digits) <= most;
    auto const found = example::parse_count(text, most);
    law(found.has_value() == is_count, "exactly digits up to the most are a count");
    law(!found || *found == value_of(digits), "a count is the number that is written");
}

void check_numbers(std::string_view text)
{
    auto const found = example::parse_number(text);
    if (!found) return;
    law(std::isfinite(*found), "a number is finite");
    law(text.find_first_not_of("-.0123456789") == text.npos,
        "a number has a sign, digits and a point at most");
    law(std::count(text.begin(), text.end(), '.') <= 1 && text.find('-', 1) == text.npos,
        "a number has one point and one sign at most");
    law(*found == std::strtod(std::string(text).c_str(), nullptr), "a number is what is written");
}

void check_printable(std::string_view text, std::size_t longest)
{
    auto const line = example::printable(text, longest);
    law(line.size() <= longest + 3, "a printed text is cut to its length");
    for (auto const c : line) law(c >= ' ' && c <= '~', "a printed text is one line of printable ASCII");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::input in(data, size);
    auto const most = std::min<std::uint64_t>(in.count<std::uint64_t>(), 999'999'999'999'999'999U);
    auto const text = in.rest();
    check_durations(text);
    check_counts(text, most);
    check_numbers(text);
    check_printable(text, static_cast<std::size_t>(most % 300));
    return 0;
}
