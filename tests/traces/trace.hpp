#pragma once

#include <boost/json.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

/// Runs reference traces ("resilience-trace/1") against the real policy objects.
namespace keel::traces {

namespace json = boost::json;

/// Something in a trace file that its schema does not allow.
class malformed : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

/// An object whose every member must be asked for: what the harness does not know is an error, not noise.
class strict_object
{
public:
    explicit strict_object(json::object const& of) : of_(of) {}

    bool has(std::string_view key) const { return of_.contains(key); }

    /// \throws malformed when it is missing
    json::value const& at(std::string_view key);
    /// Null when it is missing or null.
    json::value const* find(std::string_view key);

    std::int64_t integer(std::string_view key);
    std::int64_t integer_or(std::string_view key, std::int64_t otherwise);
    std::string_view text(std::string_view key);
    /// A decimal string such as "1.6".
    double decimal_or(std::string_view key, double otherwise);

    /// \throws malformed naming the first member nobody asked for
    void expect_no_more() const;

private:
    json::object const& of_;
    std::set<std::string, std::less<>> seen_;
};

inline std::chrono::nanoseconds ms(std::int64_t n) { return std::chrono::milliseconds(n); }
inline std::chrono::steady_clock::time_point at_ms(std::int64_t n)
{
    return std::chrono::steady_clock::time_point(std::chrono::milliseconds(n));
}

/// One policy under test: made from a trace's `config`, fed its steps, asked what came out.
class subject
{
public:
    virtual ~subject() = default;
    /// \returns what is to be compared with `expect`; members that `expect` does not name are not looked at
    virtual json::object step(std::string_view op, strict_object& arguments) = 0;
};

using maker = std::function<std::unique_ptr<subject>(strict_object& config)>;

/// Family name to adapter. An adapter file registers itself.
std::map<std::string, maker, std::less<>>& adapters();

struct registration
{
    registration(std::initializer_list<char const*> families, maker make);
};

} // namespace keel::traces
