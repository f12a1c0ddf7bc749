#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {

void looking_changes_nothing(trial const& t)
{
    scene watched(t.make);
    if (!watched.it().in_use && !watched.it().waiting && !watched.it().memory)
        does_not_apply("it tells nothing of itself");
    watched.busy_day([&] {
        (void)watched.in_use();
        (void)watched.waiting();
        (void)watched.memory();
    });
    scene alone(t.make);
    alone.busy_day();
    require(watched.tell() == alone.tell(), "calls went another way because somebody looked");
}

} // namespace keel::testing::detail
