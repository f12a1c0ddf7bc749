#include "law.hpp"
#include "scene.hpp"

#include <algorithm>

namespace keel::testing::detail {
namespace {

std::vector<std::string> story(trial const& t)
{
    scene s(t, scene::observer::story);
    s.busy_day();
    s.closing_time();
    return s.tell();
}

} // namespace

void the_same_seed_tells_the_same(trial const& t)
{
    auto const first = story(t);
    auto const second = story(t);
    auto const [a, b] = std::mismatch(first.begin(), first.end(), second.begin(), second.end());
    require(a == first.end() && b == second.end(),
            "the first time: " + (a == first.end() ? "nothing" : *a) +
                "; the second time: " + (b == second.end() ? "nothing" : *b));
}

} // namespace keel::testing::detail
