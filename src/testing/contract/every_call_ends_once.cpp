#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {

void every_call_ends_once(trial const& t)
{
    scene s(t, scene::observer::story);
    s.calm_day();
    s.closing_time();
    std::size_t refused = 0;
    for (std::size_t i = 0; i < s.calls(); ++i) {
        auto const& end = s.end(i);
        require(end.times > 0,
                "call " + std::to_string(i) + " never ended: nothing is left that could end it");
        require(end.times == 1,
                "call " + std::to_string(i) + " ended " + std::to_string(end.times) + " times");
        auto const& told = s.story()->calls[std::to_string(i)];
        require(told.ends == 1,
                "call " + std::to_string(i) + " was reported to end " + std::to_string(told.ends) + " times");
        require(told.attempts == end.report.attempts, "call " + std::to_string(i) + ' ' + describe(end) +
                                                          ", and " + std::to_string(told.attempts) +
                                                          " attempts were reported");
        if (s.as_gate() && end.report.ended_by == ended_by::rejection) ++refused;
    }
    require(!s.as_gate() || s.story()->rejected == refused,
            std::to_string(refused) + " calls were refused, and " + std::to_string(s.story()->rejected) +
                " refusals reported");
}

} // namespace keel::testing::detail
