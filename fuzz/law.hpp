#pragma once

#include <keel/core/option_faults.hpp>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <source_location>
#include <string_view>

namespace keel::fuzz {

/// Ends the process, with the sentence that does not hold.
inline void law(bool holds, char const* sentence,
                std::source_location where = std::source_location::current())
{
    if (holds) return;
    std::fprintf(stderr, "%s:%u: broken: %s\n", where.file_name(), static_cast<unsigned>(where.line()),
                 sentence);
    std::abort();
}

/// A machine with these options, or nothing when they are out of range and were refused as they should be.
/// \param in_range what the documented ranges say, worked out without `validate`
template <class Machine, class Options>
std::optional<Machine> built(std::string_view policy, Options const& options, bool in_range)
{
    auto const faults = validate(options);
    law(faults.empty() == in_range, "validate() reports a fault exactly when an option is out of its range");
    for (auto const& fault : faults.list())
        law(!fault.field.empty() && !fault.found.empty() && !fault.allowed.empty(),
            "a fault names the field, what was found and what is allowed");

    std::optional<Machine> machine;
    try {
        machine.emplace(options);
        law(in_range, "options out of range make no machine");
    } catch (invalid_options const& e) {
        law(!in_range, "options in range make a machine");
        law(e.faults().list() == faults.list(), "the constructor finds the same faults as validate()");
        law(std::string_view(e.what()).starts_with(policy), "the message begins with the policy");
    }
    return machine;
}

} // namespace keel::fuzz
