#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace example {

/// A command line that cannot be used. `what()` is one line for the user.
struct usage_error : std::runtime_error
{
    using std::runtime_error::runtime_error;
};

/// `--name VALUE`, or the switch `--name`.
struct option
{
    char const* name;
    char const* value;    ///< Stands for the value in the help. Null: a switch.
    char const* fallback; ///< Null when leaving the option out means something no value says.
    char const* allowed;  ///< Which values there are, for messages.
    char const* help;
};

/// What stands on the command line: options, `--help` among them, and at most one operand.
class command_line
{
public:
    /// \param operand what the operand is called, in messages; empty: there is none
    /// \param known   must outlive the object
    /// \throws usage_error for anything but `known` options, written as --name=value or --name value
    command_line(int argc, char const* const* argv, std::span<option const> known,
                 std::string_view operand = {});

    /// The switch, or the option, was given. An option with a fallback always is.
    bool has(std::string_view name) const { return given_.contains(name); }

    std::optional<std::string> const& operand() const { return operand_; }

    /// The value of an option that was given or has a fallback.
    /// \param parse gives an optional: nothing for a value that is not allowed
    /// \throws usage_error naming the option, the value found and those allowed
    template <class Parse>
    auto value(std::string_view name, Parse parse) const
    {
        auto const& text = given_.find(name)->second;
        auto const parsed = parse(text);
        if (!parsed) refuse(name, text);
        return *parsed;
    }

private:
    [[noreturn]] void refuse(std::string_view name, std::string_view found) const;

    std::span<option const> known_;
    std::map<std::string, std::string, std::less<>> given_{};
    std::optional<std::string> operand_{};
};

/// The text for `--help`: `introduction` and the options.
std::string help_text(char const* introduction, std::span<option const> known);

/// The parser of a count from `least` to `most`, for `command_line::value`.
class count_from_to
{
public:
    constexpr count_from_to(std::uint64_t least, std::uint64_t most) : least_(least), most_(most) {}

    std::optional<std::uint64_t> operator()(std::string_view text) const;

private:
    std::uint64_t least_;
    std::uint64_t most_;
};

} // namespace example
