#pragma once

#include <keel/async/part_description.hpp>

#include <optional>
#include <string>
#include <vector>

namespace keel {

/// What a pipeline is made of.
struct pipeline_description
{
    std::string name;
    std::string instance{};
    std::vector<part_description> parts{}; ///< Outermost first. Classifiers are not among them.
    std::optional<bool> idempotent{};      ///< As its options say, and those of pipelines inside.
    bool has_classifiers = false;

    friend bool operator==(pipeline_description const&, pipeline_description const&) = default;
};

/// One line for the pipeline and one for each part, each part indented below the one around it.
std::string to_string(pipeline_description const&);

} // namespace keel
