#pragma once

#include <keel/async/bulkhead.hpp>
#include <keel/core/unknown_name.hpp>

#include <cstddef>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace keel {

/// A fixed set of bulkheads by the name of the work they isolate:
///
///     keel::bulkhead_registry compartments{{"database", 10}, {"file_io", 3}};
///     keel::pipeline queries{compartments.at("database"), keel::timeout{{.limit = 1s}}};
///
/// Does not change once built; thread-safe to read.
class bulkhead_registry
{
public:
    struct compartment
    {
        compartment(std::string of, std::size_t max_concurrent, std::size_t max_queue = 0);
        compartment(std::string of, bulkhead_options with);

        std::string name;
        bulkhead_options options; ///< Its `name` is set to the compartment's.
    };

    /// \throws std::invalid_argument for a name given twice or empty; invalid_options as `bulkhead` does
    bulkhead_registry(std::initializer_list<compartment>);

    /// \throws unknown_name
    bulkhead const& at(std::string_view name) const;
    bool contains(std::string_view name) const { return held_.find(name) != held_.end(); }
    std::size_t size() const noexcept { return held_.size(); }

    auto begin() const noexcept { return held_.begin(); }
    auto end() const noexcept { return held_.end(); }

private:
    std::map<std::string, bulkhead, std::less<>> held_;
};

} // namespace keel
