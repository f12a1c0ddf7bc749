#include "figure.hpp"

#include <array>
#include <charconv>

namespace keel::figures {

report::report(std::ostream& out) : out_(out)
{
    out_
        << "| model | parameter | expected | got | tolerance | ok |\n| --- | --- | --- | --- | --- | --- |\n";
}

void report::compare(std::string_view model, std::string const& parameter, double expected, double got,
                     double allowed)
{
    line(model, parameter, show(expected), show(got), show(allowed), std::abs(got - expected) <= allowed);
}

void report::demand(std::string_view model, std::string const& parameter, std::string const& expected,
                    std::string const& got, bool ok)
{
    line(model, parameter, expected, got, "", ok);
}

void report::line(std::string_view model, std::string const& parameter, std::string const& expected,
                  std::string const& got, std::string const& allowed, bool ok)
{
    ++(ok ? passed_ : failed_);
    out_ << "| " << model << " | " << parameter << " | " << expected << " | " << got << " | " << allowed
         << " | " << (ok ? "yes" : "NO") << " |" << std::endl;
}

double number(json::value const& of, std::string_view key) { return of.at(key).to_number<double>(); }

std::string show(double value, int decimals)
{
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
