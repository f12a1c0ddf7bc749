#pragma once

#include <keel/retry.hpp>

#include <chrono>
#include <cstdint>

namespace keel::figures {

/// Retries without a pause.
inline retry_options at_once(std::uint32_t attempts)
{
    retry_options o;
    o.max_attempts = attempts;
    o.backoff = constant{.base = std::chrono::milliseconds(0)};
    return o;
}

} // namespace keel::figures
