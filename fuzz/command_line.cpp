// Command lines of the examples, one argument per line of the input: taken as written, or refused with one
// line.

#include "input.hpp"
#include "law.hpp"

#include "common/command_line.hpp"
#include "common/text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using keel::fuzz::law;

constexpr std::array<example::option, 4> known{{
    {"attempts", "N", "3", "a number from 1 to 9", "How often."},
    {"address", "HOST", "127.0.0.1", "any", "Where."},
    {"limit", "N", nullptr, "a number from 1 to 9", "How many."},
    {"quiet", nullptr, nullptr, "", "Say nothing."},
}};

/// Boost 1.81 never returns from the message about an unknown option when it, or its value, holds one of that
/// message's own placeholders: `--%original_token%`.
void leave_out_placeholders(std::string& argument)
{
    if (argument.starts_with("--")) std::replace(argument.begin(), argument.end(), '%', '?');
}

std::vector<std::string> arguments_from(std::string_view text)
{
    std::vector<std::string> all{"program"};
    for (std::size_t begin = 0; begin < text.size() && all.size() < 20;) {
        auto const end = std::min(text.find('\n', begin), text.size());
        auto argument = std::string(text.substr(begin, end - begin));
        std::erase(argument, '\0'); // no argument of a program holds one
        leave_out_placeholders(argument);
        all.push_back(std::move(argument));
        begin = end + 1;
    }
    return all;
}

/// Whether the value stands in the arguments, alone or behind a `=`.
bool was_written(std::vector<std::string> const& arguments, std::string const& value)
{
    return std::any_of(arguments.begin(), arguments.end(),
                       [&](auto const& each) { return each == value || each.ends_with('=' + value); });
}

void use(example::command_line const& given, std::vector<std::string> const& arguments, bool takes_operand)
{
    law(given.has("attempts") && given.has("address"), "an option with a fallback is always given");
    law(!given.operand() || takes_operand, "who takes no operand gets none");
    law(!given.operand() || was_written(arguments, *given.operand()), "an operand is as it was written");

    auto const as_text = [](std::string const& text) { return std::optional(text); };
    auto const address = given.value("address", as_text);
    law(address == "127.0.0.1" || was_written(arguments, address), "a value is as it was written");

    auto const attempts = given.value("attempts", example::count_from_to(1, 9));
    law(attempts >= 1 && attempts <= 9, "a count is in its range");
    if (given.has("limit")) {
        auto const limit = given.value("limit", example::count_from_to(1, 9));
        law(limit >= 1 && limit <= 9, "a count is in its range");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    keel::fuzz::input in(data, size);
    auto const takes_operand = in.flag();
    auto const arguments = arguments_from(in.rest());
    std::vector<char const*> argv;
    for (auto const& each : arguments) argv.push_back(each.c_str());
    argv.push_back(nullptr);
    try {
        example::command_line const given(static_cast<int>(arguments.size()), argv.data(), known,
                                          takes_operand ? "URL" : "");
        use(given, arguments, takes_operand);
    } catch (example::usage_error const& e) {
        std::string_view const what = e.what();
        law(!what.empty() && what.size() < 700 && example::printable(what, what.size()) == what,
            "a refusal is one line of printable ASCII");
    }
    return 0;
}
