#pragma once

#include <keel/core/time.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace keel {

/// How much it matters that a call is answered when not every call can be. From the least to the most.
enum class priority : std::uint8_t
{
    background, ///< Nobody waits for it.
    normal,     ///< Somebody waits.
    critical,   ///< Somebody's money or safety waits.
};

/// The name of the enumerator.
std::string_view to_string(priority) noexcept;

/// What a call knows about itself, wherever in it the question is asked: `co_await keel::this_call()`. A
/// scope is given one when it is started (see `co_spawn`); a pipeline adds the deadline, the number of the
/// attempt, and the idempotency key of the call's `overrides`.
///
/// Keel goes by the deadline; the priority, the trace, the key and the caller it hands on to whoever asks.
struct call_context
{
    /// When the call must be over, by its context's time source: the earliest limit of all that it is inside
    /// of. `time_point::max()`: none.
    time_point deadline = time_point::max();

    /// In a scope inside another `normal` stands for that of the other.
    keel::priority priority = keel::priority::normal;

    /// Ties together what belongs to one request, across processes. Empty: none.
    std::string trace_id{};

    /// Names the effect the call is to have once, however often it is sent. Empty: none.
    std::string idempotency_key{};

    /// On whose behalf: a user, a tenant, a service. Empty: nobody in particular.
    std::string caller{};

    /// Which attempt of the innermost pipeline this is; 1 is the first. 0: not inside a pipeline.
    std::uint32_t attempt = 0;

    // Constructors, for GCC 12 destroys aggregates twice beside `co_await`.
    call_context() {}

    // Each sets one member, whatever it was, and returns the object.

    /// Sets `deadline`, to a later one too.
    call_context& expiring(time_point at)
    {
        deadline = at;
        return *this;
    }
    /// Sets `priority`.
    call_context& with_priority(keel::priority p)
    {
        priority = p;
        return *this;
    }
    /// Sets `trace_id`.
    call_context& traced_by(std::string id)
    {
        trace_id = std::move(id);
        return *this;
    }
    /// Sets `idempotency_key`.
    call_context& keyed_by(std::string key)
    {
        idempotency_key = std::move(key);
        return *this;
    }
    /// Sets `caller`.
    call_context& on_behalf_of(std::string who)
    {
        caller = std::move(who);
        return *this;
    }
};

} // namespace keel
