#pragma once

#include <keel/core/failure.hpp>
#include <keel/core/option_faults.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// A fallback protects the caller from a failure it can live with: it answers with something else, such as the
// last known value. It runs after everything inside it has given up: once, unless a retry stands outside it.
//
// It does not hide a cancellation by the caller, and it does not repeat the operation (`retry` does).

namespace keel {

struct fallback_options
{
    /// Shown in events and outcomes.
    std::string name = "fallback";
};

/// Always empty: nothing can be out of range.
option_faults validate(fallback_options const&);

struct fallback_snapshot
{
    std::size_t alternatives = 0;
};

/// Any failure at all.
struct any_failure
{};

/// Which failures an alternative answers: all, one error code, one group of errors (`condition::rejected`),
/// or those for which a function says so.
using failure_match =
    std::variant<any_failure, error_code, error_condition, std::function<bool(failure const&)>>;

namespace policy {

/// Which of several alternatives answers a failure: the first that matches. A plain value; thread-safe to
/// read.
class fallback
{
public:
    /// \throws invalid_options
    explicit fallback(fallback_options);

    /// Adds an alternative behind the others.
    void add(failure_match);

    /// The first alternative that matches, or `nullopt`: the failure goes through unchanged. Nothing matches
    /// when the caller has cancelled. Throws what a user's function throws.
    std::optional<std::size_t> choose(failure const&, bool caller_cancelled) const;

    fallback_options const& options() const noexcept { return options_; }
    fallback_snapshot snapshot() const { return {matches_.size()}; }

private:
    fallback_options options_;
    // Shared by copies: libstdc++ 12 must not copy a variant with a function in it when memory may run out.
    std::vector<std::shared_ptr<failure_match const>> matches_;
};

} // namespace policy
} // namespace keel
