#pragma once

#include <keel/async/time_source.hpp>
#include <keel/core/option_faults.hpp>
#include <keel/core/time.hpp>
#include <keel/pipeline/pipeline.hpp>
#include <keel/pipeline/pipeline_entry.hpp>

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

struct pipeline_family_options
{
    /// Shown in errors, entries and removals.
    std::string name = "pipelines";

    /// How many pipelines the family may hold. At least 1.
    std::size_t max_entries = 10'000;

    /// Longer keys are a mistake of whoever made them. In bytes, at least 1.
    std::size_t max_key_size = 1024;

    /// A pipeline that nobody has asked for in this time is dropped, unless it is in use or has state to
    /// keep. Above 0.
    duration idle_expiry = std::chrono::minutes(10);

    /// ... and after this time also if it has state to keep, such as an open circuit breaker: a target that
    /// is dead and forgotten must not stay for ever. At least `idle_expiry`.
    duration state_expiry = std::chrono::hours(1);

    /// Told of every pipeline that has left the family, whatever the cause, so that its metrics can go too;
    /// and told in `lost` what went with it. Called outside of locks, on the thread whose request made it go.
    /// What it throws is dropped. Must not own the family. If it asks the family for a key, it may take the
    /// very place that was made for another one, which is refused when that has happened too often.
    std::function<void(pipeline_removed const&)> on_removed{};
};

/// Every option out of range. Empty when the options can be used.
option_faults validate(pipeline_family_options const&);

struct pipeline_family_snapshot
{
    std::size_t entries = 0;
    std::size_t max_entries = 0;
    std::uint64_t built = 0;      ///< Pipelines that have entered the family.
    std::uint64_t refused = 0;    ///< Keys for which there was no room.
    std::uint64_t expired = 0;    ///< Entries that have left for being idle,
    std::uint64_t displaced = 0;  ///< for want of room,
    std::uint64_t removed = 0;    ///< by request.
    std::uint64_t lost_state = 0; ///< How many of these three had state to keep.
};

/// Pipelines that are alike, one for each key: host, tenant, route. Each is built when its key is first asked
/// for, and keeps a state of its own.
///
///     keel::pipeline_family hosts{{.max_entries = 1'000}, [](std::string_view) {
///         return keel::pipeline{keel::circuit_breaker{}, keel::timeout{{.limit = 1s}}};
///     }};
///     auto const policies = hosts.get("db-17");
///     auto const rows = co_await policies(query);
///
/// *In use* is a pipeline that somebody holds: the caller that got it, a call in flight, an operation that it
/// abandoned, another pipeline that it stands in; not an outcome that somebody keeps. It is never dropped but
/// by `remove`, so two callers never have two pipelines for one key; who holds a pipeline pins it. Whatever
/// happens to the entry or the family, holders and calls keep theirs.
///
/// *At rest* is a pipeline whose policies would lose nothing if it were built anew: its circuit breakers are
/// closed, its bulkheads empty, its rate limiters full, its retry budgets not spent, and its user-written
/// gates say so. A policy that others hold too, such as a bulkhead for the whole family, is not lost with it.
/// What policies keep inside a fallback's function is not seen.
///
/// There is no timer: every access drops a few entries whose time is over, `sweep` drops all. When a new key
/// needs room, the entry at rest goes that has not been asked for for the longest time. If none is at rest,
/// one with state goes in the same way, and `on_removed` is told what it was: to refuse a healthy key because
/// many others are ill would make their outage a larger one. Only when all are in use the key is refused.
///
/// A cheap handle; copies are the same family. Thread-safe: one mutex, held for a look-up, and never while
/// the factory, a policy or `on_removed` runs.
class pipeline_family
{
public:
    /// Makes the pipeline for a key. May run on several threads at once, and twice for one key when two ask
    /// for it at the same time: then both get the pipeline of the first to be done. What it throws goes to
    /// who asked, and nothing is kept. Where the pipeline has no `instance`, that is the key.
    using factory = std::function<pipeline(std::string_view key)>;

    /// \throws invalid_options naming every option that is out of range; std::invalid_argument for an empty
    /// factory
    pipeline_family(pipeline_family_options, factory);

    /// The pipeline for this key, built if need be.
    /// \throws boost::system::system_error with `errc::registry_full` when every entry is in use;
    ///         std::length_error for a key that is too long; what the factory throws
    pipeline get(std::string_view key, time_point now = steady_now()) const;

    /// The same, but gives nothing when every entry is in use. \throws the other things that `get` does
    std::optional<pipeline> try_get(std::string_view key, time_point now = steady_now()) const;

    /// Whether there is a pipeline for this key. Does not count as asking for it.
    bool contains(std::string_view key) const;

    /// Drops the pipeline for this key, in use or not. Who holds it keeps it, and the next to ask gets a new
    /// one. False: there is none.
    bool remove(std::string_view key, time_point now = steady_now()) const;

    /// Drops every entry whose time is over. \returns how many
    std::size_t sweep(time_point now = steady_now()) const;

    pipeline_family_snapshot snapshot() const;

    /// All entries, for health pages and metrics, in no order. Looks at every policy of every entry.
    std::vector<pipeline_entry> entries(time_point now = steady_now()) const;

    std::string const& name() const noexcept;

private:
    class state;
    std::shared_ptr<state> state_;
};

} // namespace keel
