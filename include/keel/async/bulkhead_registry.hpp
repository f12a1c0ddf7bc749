#pragma once

#include <keel/async/bulkhead.hpp>
#include <keel/core/unknown_name.hpp>

#include <cstddef>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace keel {

/// A fixed set of bulkheads by the name of the work they isolate:
///
///     keel::bulkhead_registry compartments{{"database", 10}, {"file_io", 3}};
///     keel::pipeline queries{compartments.at("database"), keel::timeout{{.limit = 1s}}};
///
/// The set does not change once built; thread-safe. Copies have the same bulkheads.
class bulkhead_registry
{
public:
    /// One bulkhead of the set. What it is given is looked at when the registry is built.
    struct compartment
    {
        /// A compartment of this size; all else as `bulkhead_options` have it by default.
        /// \param of             its name, and that of its bulkhead; not empty
        /// \param max_concurrent how many calls may be in flight; at least 1
        /// \param max_queue      how many more may wait, each until its own deadline; 0: none
        compartment(std::string of, std::size_t max_concurrent, std::size_t max_queue = 0);
        /// \param where `nullopt`: its operations run where their callers are
        compartment(std::string of, bulkhead_options with, std::optional<run_on> where = std::nullopt);

        std::string name;
        bulkhead_options options;    ///< Its `name` is set to the compartment's.
        std::optional<run_on> where; ///< Where its operations run, if not where their callers are.
    };

    /// \throws std::invalid_argument for a name given twice or empty; invalid_options as `bulkhead` does
    bulkhead_registry(std::initializer_list<compartment>);

    /// Lives as long as the registry; a copy of it, or a pipeline with it, needs no registry.
    /// \throws unknown_name, which lists the known names
    bulkhead const& at(std::string_view name) const;
    /// Admits this many calls to a compartment from now on, as `bulkhead::resize` does.
    /// \param max_concurrent at least 1
    /// \throws unknown_name; invalid_options
    void resize(std::string_view name, std::size_t max_concurrent, time_point now = steady_now()) const;

    /// Whether a compartment has this name.
    bool contains(std::string_view name) const { return held_.find(name) != held_.end(); }
    /// How many compartments there are.
    std::size_t size() const noexcept { return held_.size(); }

    /// Each is a pair of name and `bulkhead`, sorted by name. Valid as long as the registry.
    auto begin() const noexcept { return held_.begin(); }
    auto end() const noexcept { return held_.end(); }

private:
    std::map<std::string, bulkhead, std::less<>> held_;
};

} // namespace keel
