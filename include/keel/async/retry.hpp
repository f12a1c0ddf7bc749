#pragma once

#include <keel/async/retry_budget.hpp>
#include <keel/policy/retry.hpp>

#include <memory>
#include <optional>

namespace keel {

/// Retrying without a budget: nothing bounds the load that all callers' retries add together. For tests, and
/// for callers that are bounded by other means.
struct no_retry_budget_t
{};
inline constexpr no_retry_budget_t no_retry_budget{};

/// Runs what is inside it again when it fails. Holds a retry budget: by default one of its own, shared by
/// every copy of this handle; better, one that all callers of the same target share. Thread-safe.
class retry
{
public:
    /// \throws invalid_options naming every option that is out of range
    explicit retry(retry_options options = {}, retry_budget budget = retry_budget());
    /// The same without a budget. \throws invalid_options
    retry(retry_options options, no_retry_budget_t);

    /// Never null.
    std::shared_ptr<retry_options const> const& options() const noexcept { return options_; }
    /// `nullopt`: it was made without.
    std::optional<retry_budget> const& budget() const noexcept { return budget_; }

private:
    std::shared_ptr<retry_options const> options_;
    std::optional<retry_budget> budget_;
};

} // namespace keel
