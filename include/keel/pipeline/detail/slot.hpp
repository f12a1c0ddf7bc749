#pragma once

#include <keel/async/loop.hpp>
#include <keel/core/grant.hpp>
#include <keel/core/time.hpp>
#include <keel/policy/retry.hpp>
#include <keel/policy/retry_budget.hpp>

#include <cstddef>
#include <cstdint>

namespace keel::detail {

using step_index = std::uint32_t;

// Their members are copied one by one, as wide as they were written a moment before: a processor waits for a
// wider load to see two stores. (The library is compiled so that g++ does not join them again.)

/// A timeout that the call is inside of.
struct limit_held
{
    time_point own_deadline;
    time_point due; ///< When it is to be asked next: at its deadline, and at the end of its patience.
    time_point outer_deadline;
    step_index outer_owner;
    bool grace_given;
};

/// A retry that the call is inside of.
struct retry_held
{
    policy::retry loop;
    std::size_t charged = 0;
    policy::retry_cause cause = policy::retry_cause::error;
    bool retrying = false; ///< A retry charged to the budget is in flight.
};

/// What a call holds of one step. Used as a `std::variant` is, but it holds anything at all only once the step
/// has been entered, and what it does not hold stays unwritten: a call has several of these, and clearing them
/// would cost more than its walk.
class slot
{
public:
    slot() noexcept {}

    void hold(grant const& g) noexcept
    {
        what_ = kind::permit;
        permit_.generation = g.generation;
        permit_.at = g.at;
        permit_.weight = g.weight;
    }
    /// The same, filled in by whoever grants it.
    grant& hold_permit() noexcept
    {
        what_ = kind::permit;
        return permit_;
    }
    void hold_limit(time_point own, time_point outer_deadline, step_index outer_owner) noexcept
    {
        what_ = kind::limit;
        limit_.own_deadline = own;
        limit_.due = own;
        limit_.outer_deadline = outer_deadline;
        limit_.outer_owner = outer_owner;
        limit_.grace_given = false;
    }
    void hold(retry_held& r) noexcept
    {
        what_ = kind::retry;
        retry_ = &r;
    }
    void hold(loop_run& l) noexcept
    {
        what_ = kind::loop;
        loop_ = &l;
    }
    void clear() noexcept { what_ = kind::nothing; }

    grant const* permit() const noexcept { return what_ == kind::permit ? &permit_ : nullptr; }
    /// Of one that holds a permit.
    grant const& permit_held() const noexcept { return permit_; }
    limit_held* limit() noexcept { return what_ == kind::limit ? &limit_ : nullptr; }
    retry_held* retry() const noexcept { return what_ == kind::retry ? retry_ : nullptr; }
    loop_run* loop() const noexcept { return what_ == kind::loop ? loop_ : nullptr; }

private:
    enum class kind : std::uint8_t
    {
        nothing,
        permit,
        limit,
        retry,
        loop
    };

    kind what_;
    union
    {
        grant permit_;
        limit_held limit_;
        retry_held* retry_;
        loop_run* loop_;
    };
};

} // namespace keel::detail
