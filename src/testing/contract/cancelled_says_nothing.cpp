#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {

using namespace std::chrono_literals;

void cancelled_says_nothing(trial const& t)
{
    scene s(t);
    if (!s.it().memory) does_not_apply("it remembers nothing of calls that have ended");
    if (s.it().spends) does_not_apply("a permit is spent by being granted, whatever becomes of the call");
    scripted<int> warm;
    warm.returns(1).fails(some_error()).returns(1);
    for (auto i = 0; i < 2; ++i) s.start(warm);
    s.finish();

    auto const before = s.memory();
    scripted<int> op;
    op.hangs();
    for (auto i = 0; i < 3; ++i) s.cancel(s.start(op));
    s.settle();
    require(s.memory() == before,
            "after calls that were cancelled " + quoted(before) + " became " + quoted(s.memory()));
}

} // namespace keel::testing::detail
