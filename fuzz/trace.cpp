// The reader of the reference traces: what it does not know is an error of its own kind, and never a crash.

#include "input.hpp"
#include "law.hpp"

#include "traces/trace.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

namespace fuzz = keel::fuzz;
using fuzz::law;
using keel::traces::malformed;
using keel::traces::strict_object;
namespace json = keel::traces::json;

constexpr std::array keys{"a", "b", "op", "at", "ratio"};

template <class Read>
bool refused(Read read)
{
    try {
        read();
        return false;
    } catch (malformed const& e) {
        law(std::string_view(e.what()).find('"') != std::string_view::npos, "a refusal names the member");
        return true;
    }
}

/// As `strtod` reads it, which takes more: blanks, signs and hexadecimal digits.
void check_decimal(strict_object& reader, char const* key, json::value const* value)
{
    constexpr double otherwise = 12345;
    auto found = otherwise;
    auto const is_refused = refused([&] { found = reader.decimal_or(key, otherwise); });
    if (!value || value->is_null())
        return law(!is_refused && found == otherwise, "a missing decimal is another");
    law(is_refused || value->is_string(), "a decimal is written as a text");
    if (is_refused) return;
    std::string const text(std::string_view(value->get_string()));
    char* end = nullptr;
    auto const expected = std::strtod(text.c_str(), &end);
    law(!text.empty() && end == text.c_str() + text.size(), "a decimal is all of its text");
    law(found == expected || std::isnan(found), "a decimal is what is written");
}

void check(json::object const& object)
{
    strict_object reader(object);
    std::size_t known = 0;
    for (auto const* key : keys) {
        auto const* const value = object.if_contains(key);
        known += value ? 1 : 0;
        law(reader.has(key) == (value != nullptr), "it has what the object has");
        law(refused([&] { reader.at(key); }) == !value, "a missing member is refused");
        law((reader.find(key) != nullptr) == (value && !value->is_null()), "null is as good as missing");
        law(refused([&] { reader.integer(key); }) == !(value && value->is_int64()), "an integer is one");
        law(refused([&] { reader.text(key); }) == !(value && value->is_string()), "a text is one");
        auto const is_null = !value || value->is_null();
        law(refused([&] { reader.integer_or(key, 1); }) == !(is_null || value->is_int64()),
            "an integer that may be missing is one, or missing");
        check_decimal(reader, key, value);
    }
    law(refused([&] { reader.expect_no_more(); }) == (known < object.size()),
        "members that nobody asked for are refused");
}

json::value value_from(fuzz::input& in, int depth = 0)
{
    switch (in.below(8)) {
    case 0: return nullptr;
    case 1: return in.flag();
    case 2: return in.word<std::int64_t>();
    case 3: return in.word<std::uint64_t>();
    case 4: return in.ratio();
    case 5: return depth < 3 ? json::value(json::array{value_from(in, depth + 1)}) : json::value(nullptr);
    default: {
        auto const text = in.text();
        return json::string(text.data(), text.size());
    }
    }
}

/// The objects that a parser can make of any file. The parser itself is Boost's.
json::object object_from(fuzz::input& in)
{
    json::object made;
    while (!in.empty() && made.size() < 8) {
        auto const other = in.text();
        auto const key = in.below(keys.size() + 1);
        auto const name = key < keys.size() ? std::string_view(keys[key]) : other;
        made[json::string_view(name.data(), name.size())] = value_from(in);
    }
    return made;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::input in(data, size);
    check(object_from(in));
    return 0;
}
