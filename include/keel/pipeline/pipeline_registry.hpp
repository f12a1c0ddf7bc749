#pragma once

#include <keel/async/time_source.hpp>
#include <keel/core/time.hpp>
#include <keel/core/unknown_name.hpp>
#include <keel/pipeline/pipeline.hpp>
#include <keel/pipeline/pipeline_entry.hpp>
#include <keel/pipeline/pipeline_family.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace keel {

/// The pipelines of a program, by name; and its families of pipelines, by name and key.
///
///     keel::pipeline_registry registry{{.max_entries = 1'000}};
///     registry.add("payments", keel::pipeline{keel::retry{}, keel::timeout{{.limit = 1s}}});
///     registry.define("hosts", policies_for_host);
///
///     auto const payments = registry.at("payments");
///     auto const host = registry.get("hosts", "db-17");
///
/// A pipeline with a name stays as long as the registry. Those of a family come and go: see
/// `pipeline_family`. Names are not removed: they are the program's own, and so is their number.
///
/// A cheap handle; copies are the same registry. Thread-safe. Whoever asks often keeps the pipeline, or the
/// family, and spares the look-up by name.
class pipeline_registry
{
public:
    /// \param families what families begin with that are defined without options of their own; `name` plays
    /// no part
    /// \throws invalid_options
    explicit pipeline_registry(pipeline_family_options families = {});

    /// Keeps a pipeline under this name. Its own name, in events, stays what it is.
    /// \throws std::invalid_argument for a name that is empty or taken, by a pipeline or by a family
    void add(std::string name, pipeline) const;

    /// Makes a family and keeps it under this name, which becomes its own.
    /// \throws std::invalid_argument as `add` does, and for an empty factory
    pipeline_family define(std::string name, pipeline_family::factory) const;

    /// The same with options of its own, but for `name`. \throws invalid_options too
    pipeline_family define(std::string name, pipeline_family_options, pipeline_family::factory) const;

    /// \throws unknown_name, which lists the known names, also when the name is that of a family
    pipeline at(std::string_view name) const;

    /// The pipeline of a family for this key, as `pipeline_family::get` does.
    /// \throws unknown_name, also when the name is that of a single pipeline; what `pipeline_family::get`
    /// throws
    pipeline get(std::string_view family, std::string_view key, time_point now = steady_now()) const;

    /// \throws unknown_name, also when the name is that of a single pipeline
    pipeline_family family(std::string_view name) const;

    /// Whether a pipeline or a family has this name.
    bool contains(std::string_view name) const;

    /// The names of all pipelines and families, sorted.
    std::vector<std::string> names() const;

    /// Drops what is over in every family. \returns how many pipelines
    std::size_t sweep(time_point now = steady_now()) const;

    /// Every pipeline, with a name or in a family, for health pages and metrics; by name, and within a family
    /// in no order.
    std::vector<pipeline_entry> entries(time_point now = steady_now()) const;

private:
    class state;
    std::shared_ptr<state> state_;
};

} // namespace keel
