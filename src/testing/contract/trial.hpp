#pragma once

#include <keel/testing/contract.hpp>

#include <cstdint>

namespace keel::testing::detail {

/// From where the calls of a check come. What must be cut short goes another way in each.
enum class place : std::uint8_t
{
    coroutine, ///< From coroutines that Asio has spawned.
    scope,     ///< From such as `keel::co_spawn` has.
};

/// What a law is checked with.
struct trial
{
    make_subject const& make;
    duration patience;
    place from;
};

} // namespace keel::testing::detail
