#pragma once

#include <keel/core/time.hpp>

#include <optional>
#include <string>

namespace keel {

/// What a part of a pipeline is, for people and for `lint`.
struct part_description
{
    std::string kind;      ///< `retry`, `circuit_breaker`, ... and `gate` or `loop` for what says no more.
    std::string name{};    ///< Its `name` option.
    std::string options{}; ///< The options that matter, as `key=value` pairs.

    /// How long a call may have to wait for its turn. `nullopt`: it does not say.
    std::optional<duration> longest_wait{};

    friend bool operator==(part_description const&, part_description const&) = default;
};

} // namespace keel
