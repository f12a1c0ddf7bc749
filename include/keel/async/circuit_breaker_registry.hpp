#pragma once

#include <keel/async/circuit_breaker.hpp>
#include <keel/async/circuit_permit.hpp>
#include <keel/async/time_source.hpp>
#include <keel/core/option_faults.hpp>
#include <keel/core/time.hpp>
#include <keel/policy/circuit_breaker.hpp>
#include <keel/telemetry/sink.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keel {

/// A breaker has left its registry.
struct circuit_breaker_removed
{
    std::string_view key; ///< Valid while it is told.
    /// Another than closed: the state was lost, because another key needed the place.
    circuit_state was = circuit_state::closed;
    time_point at{};
};

struct circuit_breaker_registry_options
{
    /// What every breaker is made by; kept once for all. Its `on_transition` is told the key.
    circuit_breaker_options breaker{};

    /// How many breakers the registry may hold. At least 1.
    std::size_t max_entries = 10'000;

    /// Longer keys are a mistake of whoever made them. In bytes, 1 to 65 535.
    std::size_t max_key_size = 1024;

    /// A breaker at rest that nobody has asked for in this time is dropped. Above 0.
    duration idle_expiry = std::chrono::minutes(10);

    /// Told of every breaker that has left, so that its metrics can go too. Called outside of locks, on the
    /// thread whose request made it go. What it throws is dropped. Must not own the registry. If it asks
    /// the registry for a key, it may take the very place that was made for another one, which is refused
    /// when that has happened too often.
    std::function<void(circuit_breaker_removed const&)> on_removed{};
};

/// Every option out of range. Empty when the options can be used.
option_faults validate(circuit_breaker_registry_options const&);

struct circuit_breaker_registry_snapshot
{
    std::size_t entries = 0;
    std::size_t max_entries = 0;
    std::uint64_t refused = 0;    ///< Requests for new keys for which there was no room.
    std::uint64_t expired = 0;    ///< Breakers that have left for being idle,
    std::uint64_t displaced = 0;  ///< or for want of room,
    std::uint64_t lost_state = 0; ///< and how many of the latter were not closed.
};

/// One breaker of a registry, at the moment of asking.
struct circuit_breaker_entry
{
    std::string key;
    circuit_breaker_snapshot seen{};
    bool in_use = false; ///< A permit is out, or somebody holds a handle to it.
    duration idle{};     ///< For how long nobody has asked for it.
};

/// Circuit breakers that are alike, one for each key: host, tenant, shard. Made when a key is first asked
/// for, and small: by the hundred thousand.
///
///     keel::circuit_breaker_registry hosts{{.breaker = {.window = keel::count_window{}}}};
///     auto permit = hosts.try_acquire("db-17:5432");
///     if (permit) { ...; permit.settle(keel::verdict::success); }
///
/// *In use* is a breaker of which a permit is out or somebody holds a handle. *At rest* is one that is closed
/// and not in use: made anew, it would lose no more than what it remembers of good days. There is no timer:
/// each new key drops a few breakers that were at rest for `idle_expiry`, `sweep` drops all of them.
///
/// When a new key needs room, a breaker at rest goes, one of those not asked for for long. If none is at
/// rest, one that is open or half-open goes in the same way, and `on_removed` is told: to refuse a healthy
/// key because many others are ill would make their outage a larger one. What is in use or forced open never
/// goes; if there is nothing else, the new key is refused with `errc::registry_full`.
///
/// A cheap handle; copies are the same registry. Thread-safe: keys are spread over up to 64 parts with a
/// mutex each, held for a look-up and a decision, and never while a listener or a sink runs.
class circuit_breaker_registry
{
public:
    /// \throws invalid_options naming every option that is out of range
    explicit circuit_breaker_registry(circuit_breaker_registry_options = {});

    /// A permit of the breaker for this key, or a refusal: by the breaker, or with `errc::registry_full`
    /// because there is no room for it. Does not allocate if the breaker is there.
    /// \throws std::length_error for a key that is too long
    circuit_permit try_acquire(std::string_view key, time_point now = steady_now()) const;

    /// A handle to the breaker for this key, for a pipeline. It is in use as long as a copy of the handle or
    /// a pipeline with it lives, whatever happens to the registry. A sink given to it is that of the
    /// registry.
    /// \throws boost::system::system_error with `errc::registry_full`; std::length_error
    circuit_breaker get(std::string_view key, time_point now = steady_now()) const;

    /// Refuse every call for this key until `force_close`; it need not have been asked for before.
    /// \throws as `get`
    void force_open(std::string_view key, time_point now = steady_now()) const;
    /// Close its breaker with a clean history, if it has one.
    void force_close(std::string_view key, time_point now = steady_now()) const;

    /// `closed` for a key that has no breaker: so would be the one it got.
    circuit_state state(std::string_view key) const;
    /// Nothing for a key that has no breaker. Looking does not count as asking for it.
    std::optional<circuit_breaker_snapshot> snapshot(std::string_view key,
                                                     time_point now = steady_now()) const;
    /// Whether there is a breaker for this key. Does not count as asking for it.
    bool contains(std::string_view key) const;

    circuit_breaker_registry_snapshot snapshot() const;
    /// All breakers, for health pages and metrics, in no order.
    std::vector<circuit_breaker_entry> entries(time_point now = steady_now()) const;

    /// Drops every breaker whose time is over. \returns how many
    std::size_t sweep(time_point now = steady_now()) const;

    /// State changes and refusals without a pipeline go to this sink, with the key as `instance` unless a
    /// pipeline says otherwise. Null: undo.
    void observe(std::shared_ptr<telemetry::sink>) const;

private:
    class state_type;
    class keyed_cell;
    std::shared_ptr<state_type> state_;
};

} // namespace keel
