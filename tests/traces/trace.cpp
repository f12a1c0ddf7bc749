#include "trace.hpp"

#include <charconv>

namespace keel::traces {

json::value const& strict_object::at(std::string_view key)
{
    seen_.emplace(key);
    auto const* const found = of_.if_contains(key);
    if (!found) throw malformed("missing member \"" + std::string(key) + '"');
    return *found;
}

json::value const* strict_object::find(std::string_view key)
{
    seen_.emplace(key);
    auto const* const found = of_.if_contains(key);
    return found && !found->is_null() ? found : nullptr;
}

std::int64_t strict_object::integer(std::string_view key)
{
    auto const& value = at(key);
    if (!value.is_int64()) throw malformed('"' + std::string(key) + "\" is not an integer");
    return value.get_int64();
}

std::int64_t strict_object::integer_or(std::string_view key, std::int64_t otherwise)
{
    return find(key) ? integer(key) : otherwise;
}

std::string_view strict_object::text(std::string_view key)
{
    auto const& value = at(key);
    if (!value.is_string()) throw malformed('"' + std::string(key) + "\" is not a string");
    return value.get_string();
}

double strict_object::decimal_or(std::string_view key, double otherwise)
{
    if (!find(key)) return otherwise;
    auto const digits = text(key);
    double value = 0;
    auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size())
        throw malformed('"' + std::string(key) + "\" is not a decimal number");
    return value;
}

void strict_object::expect_no_more() const
{
    for (auto const& member : of_)
        if (!seen_.contains(std::string_view(member.key())))
            throw malformed("unknown member \"" + std::string(member.key()) + '"');
}

std::map<std::string, maker, std::less<>>& adapters()
{
    static std::map<std::string, maker, std::less<>> all;
    return all;
}

registration::registration(std::initializer_list<char const*> families, maker make)
{
    for (auto const* family : families) adapters()[family] = make;
}

} // namespace keel::traces
