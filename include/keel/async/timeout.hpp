#pragma once

#include <keel/policy/timeout.hpp>

#include <utility>

namespace keel {

/// A time limit for everything inside it. Two in one pipeline make a total and a per-attempt limit.
class timeout
{
public:
    /// \throws invalid_options naming every option that is out of range
    explicit timeout(timeout_options options = {}) : options_(checked("timeout", std::move(options))) {}

    timeout_options const& options() const noexcept { return options_; }

private:
    timeout_options options_;
};

} // namespace keel
