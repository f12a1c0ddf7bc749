#pragma once

#include <keel/core/time.hpp>

#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace keel::detail {
/// In as few digits as say it: `0.5`.
std::string number(double);
} // namespace keel::detail

namespace keel {

/// One option that is out of range.
struct option_fault
{
    std::string field;   ///< The member's name, as the user wrote it.
    std::string found;   ///< The value it has.
    std::string allowed; ///< The values it may have.

    friend bool operator==(option_fault const&, option_fault const&) = default;
};

/// Every fault of one options object. Empty means the options can be used.
class option_faults
{
public:
    /// Notes a fault unless `ok`.
    template <class Value>
    void require(bool ok, std::string_view field, Value const& found, std::string_view allowed)
    {
        if (!ok) add(field, show(found), allowed);
    }

    /// Takes over the faults of a nested options object, as `field.their_field`.
    void merge(std::string_view field, option_faults const& nested);

    bool empty() const noexcept { return list_.empty(); }
    std::vector<option_fault> const& list() const noexcept { return list_; }

    /// One line: `circuit_breaker: failure_ratio is 1.5, allowed is above 0 up to 1; ...`.
    std::string describe(std::string_view policy) const;

private:
    void add(std::string_view field, std::string found, std::string_view allowed);

    static std::string show(std::string_view value);
    static std::string show(duration value);
    static std::string show(double value);
    static std::string show(std::integral auto value) { return std::to_string(value); }

    std::vector<option_fault> list_;
};

/// Thrown by the constructor of a policy whose options are out of range. `what()` lists every fault.
class invalid_options : public std::invalid_argument
{
public:
    invalid_options(std::string_view policy, option_faults faults);

    option_faults const& faults() const noexcept { return faults_; }

private:
    option_faults faults_;
};

/// Returns `options` if they are in range.
/// \throws invalid_options naming every fault of `options`, and whose they are if they have another name than
///         by default: `bulkhead "db": max_queue is ...`.
template <class Options>
Options checked(std::string_view policy, Options options)
{
    auto faults = validate(options);
    if (faults.empty()) return options;
    std::string whose(policy);
    if constexpr (requires { options.name; })
        if (options.name != Options().name) whose += " \"" + options.name + '"';
    throw invalid_options(whose, std::move(faults));
}

/// A duration as people write it: `250ms`, `1.5s`, `2min`. For messages; exact for whole units only.
std::string to_string(duration);

} // namespace keel
