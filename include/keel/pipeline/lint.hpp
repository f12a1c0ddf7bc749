#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace keel {

/// Ways to put policies together that do not do what they seem to.
enum class lint_rule : std::uint8_t
{
    /// A timeout is not shorter than one around it, and so never the one that acts.
    timeout_never_acts,
    /// All attempts with all pauses take longer than a timeout around the retry: the last ones are cut off.
    retries_do_not_fit,
    /// A retry inside another: their attempts multiply.
    retries_multiply,
    /// A retry, or a loop of the user's, around operations that are not idempotent.
    repeats_what_is_not_idempotent,
    /// One gate stands in the pipeline twice: a breaker counts each attempt twice, a bulkhead can wait for
    /// itself.
    gate_twice,
    /// A circuit breaker around a retry: it counts the attempts of a call as one, and cannot stop a retry.
    breaker_around_retry,
    /// A bulkhead around a retry: its permits are held through the pauses.
    bulkhead_around_retry,
    /// A fallback inside a retry: it answers the failure, and there is nothing to retry.
    fallback_inside_retry,
    /// A fallback inside a circuit breaker: it answers the failures, and the breaker counts successes.
    fallback_inside_breaker,
    /// A gate may keep a call waiting for as long as a timeout around it allows for everything.
    wait_uses_up_timeout,
};

/// The name of the rule as it is written here.
std::string_view to_string(lint_rule) noexcept;

struct lint_finding
{
    lint_rule rule;
    std::string text; ///< One sentence: which parts, what happens, what to do instead.

    friend bool operator==(lint_finding const&, lint_finding const&) = default;
};

/// What a pipeline does about its findings when it is built.
enum class on_finding : std::uint8_t
{
    report, ///< Tells its sink, as a `questionable_composition` event each.
    refuse, ///< Throws `questionable_pipeline`.
    ignore,
};

/// Thrown by the constructor of a pipeline that refuses findings. `what()` lists them all.
class questionable_pipeline : public std::invalid_argument
{
public:
    questionable_pipeline(std::string_view pipeline, std::vector<lint_finding> findings);

    std::vector<lint_finding> const& findings() const noexcept { return findings_; }

private:
    std::vector<lint_finding> findings_;
};

} // namespace keel
