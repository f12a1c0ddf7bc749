#pragma once

#include <cstdint>
#include <string_view>

namespace keel {

/// What an outcome means to the policies around it.
enum class verdict : std::uint8_t
{
    success,   ///< The dependency did its work.
    failure,   ///< The dependency failed, or took too long.
    throttled, ///< The dependency refused because it is overloaded. Breakers count it as a failure.
    ignored, ///< Says nothing about the dependency: cancelled by the caller, or refused by our own policies.
};

/// The name of the enumerator.
std::string_view to_string(verdict) noexcept;

} // namespace keel
