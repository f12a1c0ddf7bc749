#pragma once

#include <keel/async/bulkhead.hpp>
#include <keel/async/circuit_breaker.hpp>
#include <keel/async/fallback.hpp>
#include <keel/async/gate.hpp>
#include <keel/async/loop.hpp>
#include <keel/async/rate_limiter.hpp>
#include <keel/async/retry.hpp>
#include <keel/async/timeout.hpp>
#include <keel/pipeline/classifier.hpp>
#include <keel/pipeline/judged.hpp>

#include <memory>
#include <variant>

namespace keel {

/// One part of a pipeline, of any kind: for lists that are put together at run time. With rules of its own may
/// be whatever acts on what a result means.
using any_part =
    std::variant<timeout, retry, fallback, circuit_breaker, bulkhead, rate_limiter, classifier,
                 std::shared_ptr<gate>, std::shared_ptr<loop const>, judged<retry>, judged<fallback>,
                 judged<circuit_breaker>, judged<std::shared_ptr<gate>>, judged<std::shared_ptr<loop const>>>;

} // namespace keel
