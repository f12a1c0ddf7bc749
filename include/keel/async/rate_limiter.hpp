#pragma once

#include <keel/async/gate.hpp>
#include <keel/async/permit.hpp>
#include <keel/policy/rate_limiter.hpp>

#include <cstdint>
#include <memory>

namespace keel {

/// A rate limiter: a cheap handle to shared state. Copies are the same limiter. Thread-safe.
///
/// In a pipeline a call may wait up to `max_wait` for its reserved permit; when it is cancelled meanwhile the
/// reservation goes back. A permit that was used is spent, whatever became of the call.
class rate_limiter
{
public:
    /// \throws invalid_options naming every option that is out of range
    explicit rate_limiter(rate_limiter_options = {});

    /// A permit for a call of this weight, or a refusal with `errc::rate_limited` and the time at which there
    /// would be one. Never waits.
    /// \param weight how many permits it costs; more than `burst` is always refused, and 0 is taken for 1
    permit try_acquire(time_point now = steady_now(), std::uint32_t weight = 1) const;

    /// What is left at `now`. Looking changes nothing, and is no first use.
    rate_limiter_snapshot snapshot(time_point now = steady_now()) const;

    /// What a pipeline sees of it. Never null.
    std::shared_ptr<gate> as_gate() const;

private:
    class cell;
    std::shared_ptr<cell> cell_;
};

} // namespace keel
