#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {

void events_tell_the_time(trial const& t)
{
    scene s(t, scene::observer::story);
    s.busy_day();
    s.closing_time();
    if (s.story()->times.empty()) does_not_apply("nothing is reported of it");
    auto last = time_point{};
    for (auto const& [said, clock] : s.story()->times) {
        auto const text = [](time_point at) { return keel::to_string(at.time_since_epoch()); };
        require(said == clock, "an event said " + text(said) + ", and it was " + text(clock));
        require(said >= last, "an event of " + text(said) + " came after one of " + text(last));
        last = said;
    }
    for (auto const& [call, told] : s.story()->calls)
        require(told.in_order, "the events of call " + call + " did not come in order");
}

} // namespace keel::testing::detail
