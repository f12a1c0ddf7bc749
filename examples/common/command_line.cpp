#include "common/command_line.hpp"

#include "common/text.hpp"

#include <boost/program_options.hpp>

#include <algorithm>
#include <cstddef>
#include <sstream>
#include <utility>
#include <vector>

namespace example {

namespace po = boost::program_options;

namespace {

po::options_description describe(char const* introduction, std::span<option const> known)
{
    constexpr unsigned line_length = 100;
    constexpr unsigned shortest_text = 68;
    po::options_description all{introduction, line_length, shortest_text};
    auto add = all.add_options();
    add("help", "Print this and stop.");
    for (auto const& each : known) {
        if (!each.value) {
            add(each.name, each.help);
            continue;
        }
        auto* const value = po::value<std::string>()->value_name(each.value);
        if (each.fallback) value->default_value(each.fallback);
        add(each.name, value, each.help);
    }
    return all;
}

po::parsed_options parse(int argc, char const* const* argv, po::options_description const& known)
{
    // Only --name=value and --name value: abbreviations could change their meaning with the next option
    // added, and with short options "-1" would not be taken for a value.
    constexpr auto style = po::command_line_style::allow_long | po::command_line_style::long_allow_adjacent |
                           po::command_line_style::long_allow_next;
    return po::command_line_parser(argc, argv).options(known).style(style).run();
}

/// The arguments that are no options.
std::vector<std::string> operands_of(po::parsed_options const& parsed)
{
    std::vector<std::string> found;
    for (auto const& each : parsed.options)
        if (each.position_key >= 0) found.insert(found.end(), each.value.begin(), each.value.end());
    return found;
}

} // namespace

command_line::command_line(int argc, char const* const* argv, std::span<option const> known,
                           std::string_view operand)
    : known_(known)
{
    auto const all = describe("", known);
    po::variables_map values;
    std::vector<std::string> operands;
    try {
        auto const parsed = parse(argc, argv, all);
        operands = operands_of(parsed);
        po::store(parsed, values);
    } catch (po::error const& problem) {
        throw usage_error(printable(problem.what()) + " (see --help)");
    }

    for (auto const& [name, value] : values) {
        auto const* const text = boost::any_cast<std::string>(&value.value());
        given_.emplace(name, text ? *text : "");
    }
    std::size_t const most = operand.empty() ? 0 : 1;
    if (operands.size() > most) {
        auto const what = most == 0 ? "only options" : "only options and one " + std::string{operand};
        throw usage_error("found '" + printable(operands[most]) + "', expected " + what + " (see --help)");
    }
    if (!operands.empty()) operand_ = operands.front();
}

void command_line::refuse(std::string_view name, std::string_view found) const
{
    auto const option = std::ranges::find(known_, name, &option::name);
    throw usage_error("--" + std::string{name} + ": found '" + printable(found) + "', expected " +
                      option->allowed);
}

std::string help_text(char const* introduction, std::span<option const> known)
{
    std::ostringstream text;
    text << describe(introduction, known);
    return std::move(text).str();
}

std::optional<std::uint64_t> count_from_to::operator()(std::string_view text) const
{
    auto const count = parse_count(text, most_);
    return count && *count >= least_ ? count : std::nullopt;
}

} // namespace example
