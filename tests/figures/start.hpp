#pragma once

#include <keel/testing/simulation.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <utility>

namespace keel::figures {

namespace asio = boost::asio;

/// Starts a coroutine that nobody waits for. What it throws ends the run.
inline void start(testing::simulation& in, asio::awaitable<void> work)
{
    asio::co_spawn(in.context(), std::move(work), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
}

} // namespace keel::figures
