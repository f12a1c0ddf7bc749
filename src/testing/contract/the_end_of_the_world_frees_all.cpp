#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {

using namespace std::chrono_literals;

namespace {

void end_with(trial const& t, scripted<int> const& op, bool behind_others, duration after)
{
    scene s(t);
    if (behind_others && !s.fill()) return;
    for (auto i = 0; i < 3; ++i) s.start(op);
    s.start(op, s.with({timeout{{.limit = 1h}}}));
    s.advance(after);
    s.around().end_world();
    s.release();
    auto const where = std::string(behind_others ? " wait" : " run");
    require(s.in_use() == 0, "a context ended while calls" + where + ", and " + std::to_string(s.in_use()) +
                                 " are still in use");
    require(s.waiting() == 0,
            "a context ended while calls" + where + ", and " + std::to_string(s.waiting()) + " still wait");
    require(op.running() == 0, "a context ended, and an operation is still running");
}

} // namespace

void the_end_of_the_world_frees_all(trial const& t)
{
    for (auto const behind_others : {false, true}) {
        scripted<int> hangs;
        hangs.hangs();
        end_with(t, hangs, behind_others, 0ms);
        scripted<int> fails;
        fails.takes(2ms).fails(some_error());
        for (auto const after : {0ms, 3ms, 60ms}) end_with(t, fails, behind_others, after);
    }
}

} // namespace keel::testing::detail
