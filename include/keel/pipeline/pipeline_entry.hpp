#pragma once

#include <keel/core/time.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keel {

/// A policy of a pipeline that would lose something if the pipeline were dropped now and built anew.
struct kept_state
{
    std::string policy; ///< Its `name`.
    std::string state;  ///< What it would lose: `open`, `spent`, `in use`, ... See `gate::state_to_keep`.

    friend bool operator==(kept_state const&, kept_state const&) = default;
};

/// One pipeline of a registry or a family, at the moment of asking.
struct pipeline_entry
{
    std::string name;    ///< Its own, or that of its family.
    std::string key{};   ///< Within the family. Empty for a pipeline that is asked for by name alone.
    bool in_use = false; ///< Somebody holds it, or a call runs in it. Never told of a named pipeline.
    duration idle{};     ///< For how long nobody has asked for it. Never told of a named pipeline.
    std::vector<kept_state> keeps{}; ///< Empty: it is at rest.
};

/// Why an entry left its family.
enum class removal_cause : std::uint8_t
{
    idle,    ///< Nobody had asked for it for too long.
    room,    ///< Another key needed its place.
    request, ///< `remove` was called.
};

/// The name of the enumerator.
std::string_view to_string(removal_cause) noexcept;

/// An entry has left its family.
struct pipeline_removed
{
    std::string family;
    std::string key;
    removal_cause why = removal_cause::idle;
    std::vector<kept_state> lost{}; ///< State that went with it: if there is any, somebody should know.
    time_point at{};
};

} // namespace keel
