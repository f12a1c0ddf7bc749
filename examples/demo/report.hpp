#pragma once

#include "load.hpp"

#include <optional>
#include <string>

namespace demo {

struct outage
{
    keel::duration start;
    keel::duration length;
};

/// What the table says of one run.
struct summary
{
    double answered_well = 0; ///< Share of the calls.
    keel::duration p50{};
    keel::duration p99{};
    double attempts_per_call = 0;
    std::size_t refused_fast = 0;
    std::uint64_t borne_in_outage = 0;
    std::uint64_t requests = 0;
    std::optional<keel::duration>
        recovered_after{}; ///< Since the end of the outage. None: not within the run.
};

/// \param end when the run was over: an unanswered call waited at least until then
summary summarise(run_result const&, outage const&, keel::duration end);

/// The table, both runs side by side.
std::string table(summary const& without, summary const& with);

/// What happened when: the outage, how the calls of both clients went, and the breaker's state.
std::string timeline(run_result const& without, run_result const& with, outage const&, keel::duration end);

/// Why the protected run is not better; empty if it is.
std::string complaint(summary const& without, summary const& with);

} // namespace demo
