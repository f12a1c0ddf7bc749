#pragma once

#include <keel/core/time.hpp>
#include <keel/pipeline/pipeline.hpp>
#include <keel/pipeline/pipeline_entry.hpp>

#include <string_view>
#include <vector>

namespace keel::detail {

/// What somebody who keeps pipelines for others must know of them.
struct custody
{
    /// The same pipeline, but one that nobody else holds, so that `is_in_use` tells about this one. Its
    /// `instance` is the key, if it has none.
    static pipeline own_copy(pipeline const&, std::string_view key);

    /// Whether anybody but the keeper holds it, or an operation that it abandoned still runs.
    static bool is_in_use(pipeline const&) noexcept;

    /// What its policies would lose with it. Those that somebody else holds too would lose nothing.
    static std::vector<kept_state> state_of(pipeline const&, time_point now);
};

} // namespace keel::detail
