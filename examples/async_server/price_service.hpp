#pragma once

#include "http_server.hpp"

#include "common/http_get.hpp"
#include "common/url.hpp"

#include <keel/bulkhead.hpp>
#include <keel/circuit_breaker.hpp>
#include <keel/core/time.hpp>
#include <keel/pipeline.hpp>

#include <cstddef>
#include <memory>
#include <optional>

namespace async_server {

struct settings
{
    example::url upstream{};
    keel::duration timeout{};
    keel::duration attempt_timeout{};
    keel::duration open_for{};
    std::size_t concurrency = 1;
};

/// Knows the price, because it asks another server, which may be slow, overloaded or down.
///
/// All requests share one pipeline, and with it the circuit breaker and the bulkhead: what one of them finds
/// out about the upstream server helps the others. For one thread, or a strand.
class price_service
{
public:
    explicit price_service(settings wanted);

    /// The upstream's answer as it is; or the last good one, marked `Keel-Fallback: stale`; or 503 when a
    /// policy refused the call, 504 when time ran out, 502 when the upstream gave nothing that is of use.
    asio::awaitable<reply> price();

    /// How the policies are, as a line of JSON.
    asio::awaitable<reply> health();

private:
    keel::pipeline make_pipeline(settings const& wanted) const;

    example::url upstream_;
    std::shared_ptr<std::optional<example::response>> last_known_;
    keel::circuit_breaker breaker_;
    keel::bulkhead bulkhead_;
    keel::pipeline upstream_calls_;
};

} // namespace async_server
