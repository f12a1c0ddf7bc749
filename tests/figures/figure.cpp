#include "figure.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace keel::figures {
namespace {

/// Four digits, more or less.
std::string brief(double value)
{
    auto const size = std::abs(value);
    return show(value, size < 100 ? 2 : size < 1000 ? 1 : 0);
}

std::string exact(double value) { return show(value, 6); }

std::string described(place const& p) { return p.table + ": " + p.row + ", " + p.column; }

/// The index of the row that begins with `name`, made if there is none.
std::size_t row_of(std::vector<std::vector<std::string>>& cells, std::string const& name)
{
    auto const found =
        std::find_if(cells.begin() + 1, cells.end(), [&](auto const& row) { return row.front() == name; });
    auto const index = static_cast<std::size_t>(found - cells.begin());
    if (found == cells.end()) cells.push_back({name});
    return index;
}

std::size_t column_of(std::vector<std::string>& head, std::string const& name)
{
    auto const found = std::find(head.begin() + 1, head.end(), name);
    auto const index = static_cast<std::size_t>(found - head.begin());
    if (found == head.end()) head.push_back(name);
    return index;
}

std::vector<std::size_t> widths(std::vector<std::vector<std::string>> const& cells)
{
    std::vector<std::size_t> widest(cells.front().size());
    for (auto const& row : cells)
        for (std::size_t i = 0; i < row.size(); ++i) widest[i] = std::max(widest[i], row[i].size());
    return widest;
}

std::string line(std::vector<std::string> cells, std::vector<std::size_t> const& width)
{
    cells.resize(width.size());
    std::string text = "|";
    for (std::size_t i = 0; i < width.size(); ++i) {
        cells[i].resize(width[i], ' ');
        text += ' ' + cells[i] + " |";
    }
    return text + '\n';
}

std::string rule(std::vector<std::size_t> const& width)
{
    std::vector<std::string> dashes;
    for (auto const w : width) dashes.emplace_back(w, '-');
    return line(std::move(dashes), width);
}

} // namespace

void figure::compare(place const& p, double expected, double got, double allowed)
{
    write(p, brief(got) + " (" + brief(expected) + ")");
    demand(got == expected || std::abs(got - expected) <= allowed,
           described(p) + ": " + exact(got) + ", but " + exact(expected) + " was expected, give or take " +
               exact(allowed));
}

void figure::at_most(place const& p, double bound, double got)
{
    write(p, show(got, 3) + " (at most " + brief(bound) + ")");
    demand(got <= bound, described(p) + ": " + exact(got) + ", but at most " + exact(bound) + " is allowed");
}

void figure::demand(bool ok, std::string const& otherwise)
{
    ++checks_;
    if (!ok) faults_.push_back(otherwise);
}

void figure::write(place const& p, std::string const& cell)
{
    auto in = std::find_if(tables_.begin(), tables_.end(), [&](table const& t) { return t.name == p.table; });
    if (in == tables_.end()) in = tables_.insert(in, {p.table, {{""}}});
    auto const row = row_of(in->cells, p.row);
    auto const column = column_of(in->cells.front(), p.column);
    auto& cells = in->cells[row];
    cells.resize(std::max(cells.size(), column + 1));
    cells[column] = cell;
}

std::vector<std::string> figure::tables() const
{
    std::vector<std::string> all;
    for (auto const& [name, cells] : tables_) {
        auto const width = widths(cells);
        auto text = name + ":\n\n" + line(cells.front(), width) + rule(width);
        for (auto row = cells.begin() + 1; row != cells.end(); ++row) text += line(*row, width);
        all.push_back(std::move(text));
    }
    return all;
}

double tolerance(double part, double expected, double standard_error)
{
    return std::max(part * std::abs(expected), 4 * standard_error);
}

double number(json::value const& of, std::string_view key)
{
    auto const& value = of.at(key);
    return value.is_null() ? std::numeric_limits<double>::infinity() : value.to_number<double>();
}

std::string show(double value, int decimals)
{
    if (std::isinf(value)) return "never";
    std::array<char, 64> text{};
    auto const end =
        std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, decimals).ptr;
    std::string shown(text.data(), end);
    if (shown.find('.') == std::string::npos) return shown;
    shown.erase(shown.find_last_not_of('0') + 1);
    if (shown.back() == '.') shown.pop_back();
    return shown;
}

} // namespace keel::figures
