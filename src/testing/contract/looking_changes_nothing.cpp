#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {
namespace {

std::vector<std::string> ends(trial const& t, scene::observer who)
{
    scene s(t, who);
    s.busy_day();
    s.closing_time();
    return s.tell_ends();
}

} // namespace

void looking_changes_nothing(trial const& t)
{
    require(ends(t, scene::observer::story) == ends(t, scene::observer::nobody),
            "calls went another way because somebody heard of them");
    scene watched(t);
    if (!watched.it().in_use && !watched.it().waiting && !watched.it().memory)
        does_not_apply("it tells nothing of itself");
    watched.busy_day([&] {
        (void)watched.in_use();
        (void)watched.waiting();
        (void)watched.memory();
    });
    scene alone(t);
    alone.busy_day();
    require(watched.tell() == alone.tell(), "calls went another way because somebody looked");
}

} // namespace keel::testing::detail
