#pragma once

// What every scenario test uses: a simulated world, scripted operations and a recorder.

#include <keel/keel.hpp>
#include <keel/testing/recorder.hpp>
#include <keel/testing/scripted.hpp>
#include <keel/testing/simulation.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

namespace keel {

using namespace std::chrono_literals;
using testing::recorder;
using testing::scripted;
using testing::simulation;

/// The last word every scenario must leave behind: nothing armed, so no timer and no sleeper.
inline void expect_nothing_left(simulation& world)
{
    world.drain();
    EXPECT_EQ(world.clock().armed(), 0U);
}

inline error_code reset() { return asio::error::connection_reset; }
inline error_code aborted() { return asio::error::operation_aborted; }

/// A retry without jitter, so that a test can count milliseconds.
inline retry_options retry_every(duration pause, std::uint32_t attempts)
{
    retry_options o;
    o.max_attempts = attempts;
    o.backoff = constant{.base = pause};
    return o;
}

inline circuit_breaker_options trips_after(std::size_t failures, duration open_for = std::chrono::seconds(10))
{
    circuit_breaker_options o;
    o.window = consecutive_window{failures};
    o.open_for = open_for;
    o.open_multiplier = 1;
    o.half_open_permits = 1;
    return o;
}

} // namespace keel
