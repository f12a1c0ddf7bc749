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
/// The set does not change once built; thread-safe.
class bulkhead_registry
{
public:
    struct compartment
    {
        compartment(std::string of, std::size_t max_concurrent, std::size_t max_queue = 0);
        compartment(std::string of, bulkhead_options with, std::optional<run_on> where = std::nullopt);

        std::string name;
        bulkhead_options options;    ///< Its `name` is set to the compartment's.
        std::optional<run_on> where; ///< Where its operations run, if not where their callers are.
    };

    /// \throws std::invalid_argument for a name given twice or empty; invalid_options as `bulkhead` does
    bulkhead_registry(std::initializer_list<compartment>);

    /// \throws unknown_name
    bulkhead const& at(std::string_view name) const;
    /// Admits this many calls to a compartment from now on; see `bulkhead::resize`. No waiter is lost.
    /// \throws unknown_name; invalid_options
    void resize(std::string_view name, std::size_t max_concurrent, time_point now = steady_now()) const;

    bool contains(std::string_view name) const { return held_.find(name) != held_.end(); }
    std::size_t size() const noexcept { return held_.size(); }

    auto begin() const noexcept { return held_.begin(); }
    auto end() const noexcept { return held_.end(); }

private:
    std::map<std::string, bulkhead, std::less<>> held_;
};

} // namespace keel
