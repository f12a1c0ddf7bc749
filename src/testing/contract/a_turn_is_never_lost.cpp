#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {

void a_turn_is_never_lost(trial const& t)
{
    for (auto const handed_first : {true, false}) {
        scene s(t);
        auto const queue = fill_and_queue(s, 2);
        if (queue.size() < 2) does_not_apply("only one call can wait");
        if (s.held() == 0) does_not_apply("nobody is queued behind somebody: turns come with time");
        auto const first = queue[0];
        auto const second = queue[1];

        // Both in one instant: what the first was handed has not reached it when it is cancelled.
        if (handed_first) s.release_one();
        s.cancel(first);
        if (!handed_first) s.release_one();
        s.finish();

        require(s.done(first), "a waiter that was cancelled as its turn came never ended");
        require(s.done(second), "a permit was handed to a waiter that was being cancelled, and lost");
        require(s.end(second).has_value, "the next waiter " + describe(s.end(second)));
        s.release();
        s.finish();
        s.require_rest("after a waiter was cancelled as its turn came");
    }
}

} // namespace keel::testing::detail
