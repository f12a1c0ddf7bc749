#include <keel/core/option_faults.hpp>

#include <cstdio>

std::string keel::detail::number(double value)
{
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

namespace keel {

using detail::number;

std::string to_string(duration value)
{
    using namespace std::chrono_literals;
    auto const ns = static_cast<double>(std::chrono::nanoseconds(value).count());
    auto const size = ns < 0 ? -ns : ns;
    if (size >= 60e9) return number(ns / 60e9) + "min";
    if (size >= 1e9) return number(ns / 1e9) + "s";
    if (size >= 1e6) return number(ns / 1e6) + "ms";
    if (size >= 1e3) return number(ns / 1e3) + "us";
    return number(ns) + "ns";
}

void option_faults::merge(std::string_view field, option_faults const& nested)
{
    for (auto const& fault : nested.list_)
        list_.push_back({std::string(field) + '.' + fault.field, fault.found, fault.allowed});
}

std::string option_faults::describe(std::string_view policy) const
{
    std::string text{policy};
    text += ": ";
    for (auto const& fault : list_) {
        if (&fault != &list_.front()) text += "; ";
        text += fault.field + " is " + fault.found + ", allowed is " + fault.allowed;
    }
    return text;
}

void option_faults::add(std::string_view field, std::string found, std::string_view allowed)
{
    list_.push_back({std::string(field), std::move(found), std::string(allowed)});
}

std::string option_faults::show(std::string_view value) { return '"' + std::string(value) + '"'; }
std::string option_faults::show(duration value) { return to_string(value); }
std::string option_faults::show(double value) { return number(value); }

invalid_options::invalid_options(std::string_view policy, option_faults faults)
    : std::invalid_argument(faults.describe(policy)),
      faults_(std::move(faults))
{}

} // namespace keel
