#include "law.hpp"
#include "scene.hpp"

#include <array>

namespace keel::testing::detail {

using namespace std::chrono_literals;

namespace {

using how = asio::cancellation_type;
constexpr std::array ways{how::terminal, how::partial, how::total};
constexpr auto most_points = 24;

/// Cancels a call after it has gone this many steps. False: it had ended before.
bool cancel_at(trial const& t, scripted<int> op, int steps, how way, bool behind_others)
{
    scene s(t);
    if (behind_others && !s.fill()) return false;
    auto const call = s.start(op);
    for (auto i = 0; i < steps && !s.done(call); ++i) s.step();
    if (s.done(call)) return false;

    s.cancel(call, way);
    s.settle();
    require(s.done(call), "a cancelled call does not end until something else happens");
    auto const& end = s.end(call);
    require(end.report.ended_by == ended_by::caller, "a cancelled call " + describe(end));
    require(end.error == asio::error::operation_aborted, "a cancelled call " + describe(end));
    if (behind_others) s.release();
    s.finish();
    require(s.in_use() == 0, "a call was cancelled, and " + std::to_string(s.in_use()) + " are still in use");
    return true;
}

void cancel_everywhere(trial const& t, scripted<int> (*make)(), bool behind_others)
{
    for (auto const way : ways)
        for (auto steps = 0; steps < most_points; ++steps)
            if (!cancel_at(t, make(), steps, way, behind_others)) break;
}

scripted<int> one_that_hangs()
{
    scripted<int> op;
    op.hangs();
    return op;
}

scripted<int> one_that_fails()
{
    scripted<int> op;
    op.takes(5ms).fails(some_error());
    return op;
}

} // namespace

void cancelled_gives_back(trial const& t)
{
    for (auto const behind_others : {false, true}) {
        cancel_everywhere(t, one_that_hangs, behind_others);
        cancel_everywhere(t, one_that_fails, behind_others);
    }
}

} // namespace keel::testing::detail
