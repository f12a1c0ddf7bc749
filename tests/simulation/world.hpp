#pragma once

#include <array>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace keel::simulated {

/// What became of one world.
struct world_end
{
    std::uint64_t events = 0;
    std::uint64_t hash = 0;
    std::vector<std::string> complaints;
    std::vector<std::string> stacks; ///< What was in it, for a person.
    std::uint64_t starts = 0;        ///< How often operations were started.
};

/// Makes a world out of a seed, lets this many calls happen in it, and looks whether all came home.
/// \param text when not null, the event log is written there
world_end run_world(std::uint64_t seed, std::uint32_t calls, std::ostream* text = nullptr);

} // namespace keel::simulated
