#pragma once

#include <keel/core/error.hpp>
#include <keel/core/time.hpp>
#include <keel/core/verdict.hpp>

#include <exception>
#include <optional>

namespace keel {

/// What went wrong with one attempt, or with the call as a whole. Predicates and fallbacks see it.
struct failure
{
    /// The operation's own error code, or Keel's. Default (no error) when the operation threw something
    /// that carries no code.
    error_code code{};

    /// What the operation threw. Null when it returned its error, and for errors of Keel's own.
    std::exception_ptr exception{};

    /// When the same call is worth making again, if anybody knows.
    std::optional<time_point> retry_at{};

    /// True when a policy of the pipeline made this failure, not the operation.
    bool from_policy = false;
};

/// What a classifier says of one outcome.
struct judgement
{
    verdict what = verdict::success;

    /// The least time to wait before another attempt, if the dependency named one (`Retry-After`).
    /// A retry waits at least this long, or gives up. Must not be negative.
    std::optional<duration> retry_after{};

    judgement(verdict v, std::optional<duration> hint = std::nullopt) : what(v), retry_after(hint) {}
};

} // namespace keel
