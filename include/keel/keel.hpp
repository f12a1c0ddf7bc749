#pragma once

// Everything, for users in a hurry. Keel's own files never include it.

#include <keel/async/bulkhead_registry.hpp>
#include <keel/async/sleep.hpp>
#include <keel/bulkhead.hpp>
#include <keel/circuit_breaker.hpp>
#include <keel/co_spawn.hpp>
#include <keel/fallback.hpp>
#include <keel/graceful_stop.hpp>
#include <keel/limited_executor.hpp>
#include <keel/pipeline.hpp>
#include <keel/pipeline_registry.hpp>
#include <keel/rate_limiter.hpp>
#include <keel/retry.hpp>
#include <keel/retry_budget.hpp>
#include <keel/telemetry/line.hpp>
#include <keel/telemetry/sink.hpp>
#include <keel/timeout.hpp>
#include <keel/version.hpp>
