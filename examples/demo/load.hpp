#pragma once

#include <keel/circuit_breaker.hpp>
#include <keel/core/time.hpp>
#include <keel/pipeline.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace demo {

/// The same for every client: calls begin at a steady rate, whatever became of those before.
struct load
{
    std::size_t calls_per_second;
    keel::duration length;
    keel::duration patience; ///< An answer that takes longer counts as a failure, with policies or without.
};

/// How one call went.
struct call_end
{
    keel::duration begun{};                 ///< Since the run began.
    std::optional<keel::duration> waited{}; ///< None: still unanswered when the run was over.
    bool answered_well = false;             ///< A good answer within the caller's patience.
    bool refused = false;                   ///< By a policy, without asking the server.
    std::uint32_t attempts = 0;
};

struct state_change
{
    keel::duration at{};
    keel::circuit_state to{};
};

struct run_result
{
    std::vector<call_end> calls;
    std::vector<state_change> states;
    std::uint64_t requests = 0;      ///< What the server saw.
    std::uint64_t during_outage = 0; ///< What it saw while it was struggling.
};

/// A client with no policies at all.
keel::pipeline unprotected();

/// The client of the README, sized for this server. `states` receives the breaker's changes.
keel::pipeline protected_by_keel(std::vector<keel::circuit_transition>& states);

/// Runs the load against the server at `url` and asks the server what it bore.
run_result run(load const&, std::string const& url, keel::pipeline const&,
               std::vector<keel::circuit_transition> const& states);

} // namespace demo
