#pragma once

#include <keel/async/moment.hpp>
#include <keel/core/time.hpp>
#include <keel/policy/retry_budget.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <string_view>

namespace keel {

/// A retry budget: a cheap handle to shared state. Copies are the same budget. Thread-safe.
///
/// Give one budget to every `retry` that talks to the same target: what counts is the load of all of them.
class retry_budget
{
public:
    /// \throws invalid_options naming every option that is out of range
    explicit retry_budget(retry_budget_options = {});

    /// What is left at `now`. Looking changes nothing.
    retry_budget_snapshot snapshot(time_point now = steady_now()) const;

    /// What would be lost if the budget were forgotten now and made anew; see `gate::state_to_keep`.
    std::string_view state_to_keep(time_point now) const noexcept;
    /// The name of the alternative it was made from: `success_bucket`.
    std::string_view kind() const noexcept;

    /// How many handles to it there are, with this one.
    long handles() const noexcept { return shared_.use_count(); }
    /// Whether they are the same budget.
    friend bool operator==(retry_budget const& a, retry_budget const& b) noexcept
    {
        return a.shared_ == b.shared_;
    }

    /// The verbs of `policy::retry_budget`, under a lock where there is something to note.
    void call_started(moment& now) const
    {
        if (shared_->counts_calls) note_start(now);
    }
    void call_ended() const
    {
        if (shared_->counts_calls) note_end();
    }
    void succeeded(std::size_t refund) const
    {
        if (!shared_->full.load(std::memory_order_relaxed)) note_success(refund);
    }
    void failed() const;
    bool has_retry(policy::retry_cause, moment& now) const;
    bool try_retry(policy::retry_cause, moment& now) const;
    void retry_ended() const;
    std::size_t cost(policy::retry_cause) const;

private:
    /// What a call looks at to see that it has nothing to note, as most have. The rest of what the handles
    /// share is behind it.
    struct front
    {
        bool const counts_calls;
        std::atomic<bool> full; ///< A success would change nothing.
    };
    struct cell;

    cell& behind() const noexcept;
    void note_start(moment& now) const;
    void note_end() const;
    void note_success(std::size_t refund) const;

    std::shared_ptr<front> shared_;
};

} // namespace keel
