#pragma once

namespace keel::simulated {

/// While one lives, the thread has memory enough, whatever a test has ordered: what a book keeps is not what
/// is tested. Means something only in a program that makes memory scarce (`memory/scarce.hpp`).
class plenty
{
public:
    plenty() noexcept { ++depth_; }
    plenty(plenty const&) = delete;
    plenty& operator=(plenty const&) = delete;
    ~plenty() { --depth_; }

    static bool here() noexcept { return depth_ > 0; }

private:
    static inline thread_local constinit int depth_ = 0;
};

} // namespace keel::simulated
