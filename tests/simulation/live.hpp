#pragma once

#include <cstdint>

namespace keel::simulated {

/// Counts how many copies of it are alive: what captures one cannot leak unseen.
class live
{
public:
    explicit live(std::int64_t& count) noexcept : count_(&count) { ++*count_; }
    live(live const& other) noexcept : count_(other.count_) { ++*count_; }
    live& operator=(live const&) = delete;
    ~live() { --*count_; }

private:
    std::int64_t* count_;
};

} // namespace keel::simulated
