#pragma once

#include <cstddef>
#include <vector>

namespace keel::tests {

/// Takes a program that chooses down all its ways, one after the other:
///
///     choices way;
///     do { run(way); } while (way.another());
class choices
{
public:
    /// 0 to n - 1; `n` is above 0. The program must offer the same again after the same choices.
    std::size_t below(std::size_t n)
    {
        if (made_ == taken_.size()) taken_.push_back({0, n});
        return taken_[made_++].taken;
    }

    /// Goes back to the beginning, for a way that has not been taken. False: there is none.
    bool another()
    {
        while (!taken_.empty() && taken_.back().taken + 1 == taken_.back().of) taken_.pop_back();
        made_ = 0;
        if (taken_.empty()) return false;
        ++taken_.back().taken;
        return true;
    }

private:
    struct choice
    {
        std::size_t taken;
        std::size_t of;
    };
    std::vector<choice> taken_{};
    std::size_t made_ = 0;
};

} // namespace keel::tests
