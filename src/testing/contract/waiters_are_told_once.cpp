// In front of the gate itself, with waiters that watch: the other laws trust what is checked here.

#include "law.hpp"
#include "scene.hpp"

#include <array>

namespace keel::testing::detail {
namespace {

/// Stands in the queue and notes what it is told. It may be gone the moment it has been told, so it forgets
/// its neighbours then: a gate that goes on from there loses the rest of its queue.
class watcher final : public turn_waiter
{
public:
    void turn_came() override
    {
        ++told;
        told_inside = told_inside || inside;
        was_granted = granted;
        got = pass;
        previous = next = nullptr;
    }

    int told = 0;
    bool inside = false;      ///< The gate's `admit` for this very waiter is on the stack.
    bool told_inside = false; ///< It was told meanwhile.
    bool was_granted = false;
    grant got{};
};

admission ask(scene& s, watcher& w)
{
    moment now(s.around().now());
    w.inside = true;
    auto const answer = s.as_gate()->admit({.now = now, .waiter = &w});
    w.inside = false;
    require(!w.told_inside, "a waiter was told that its turn had come before it was told to wait");
    return answer;
}

bool withdraw(scene& s, watcher& w)
{
    moment now(s.around().now());
    return s.as_gate()->withdraw(w, {.now = now});
}

void give_back(scene& s, watcher const& w)
{
    moment now(s.around().now());
    s.as_gate()->settle(w.got, verdict::success, {.now = now});
}

} // namespace

void waiters_are_told_once(trial const& t)
{
    // Made first, so that they outlive the gate.
    std::array<watcher, 4> w;
    scene s(t);
    if (!s.as_gate()) does_not_apply("a loop has no queue");
    if (!s.fill()) does_not_apply("nobody waits: it lets every call in");

    std::size_t queued = 0;
    while (queued < w.size() && ask(s, w[queued]).what == admission::kind::wait_turn) ++queued;
    if (queued == 0) does_not_apply("nobody is queued: there are reservations, or refusals");
    if (s.held() == 0) does_not_apply("nobody is queued behind somebody");
    if (s.it().waiting)
        require(s.waiting() == queued,
                std::to_string(queued) + " calls were queued and " + std::to_string(s.waiting()) + " wait");

    auto const leaver = queued > 2 ? std::size_t{1} : queued; // none, in a short queue
    if (leaver < queued) require(withdraw(s, w[leaver]), "a call that waits was told that it does not");

    s.release_one();
    s.settle();
    require(w[0].told == 1,
            "a permit became free, and the first waiter was told " + std::to_string(w[0].told) + " times");
    require(w[0].was_granted, "the first waiter's turn came without a permit");
    for (std::size_t i = 1; i < queued; ++i)
        require(w[i].told == 0, "one permit became free, and more than one waiter was told");

    for (auto const& each : w)
        if (each.told > 0) give_back(s, each);
    for (std::size_t i = 1; i < queued; ++i) {
        if (i == leaver) continue;
        require(w[i].told == 1, "waiter " + std::to_string(i + 1) + " of " + std::to_string(queued) +
                                    " was told " + std::to_string(w[i].told) + " times when its turn came");
        require(w[i].was_granted, "a turn came without a permit, long before any deadline");
        give_back(s, w[i]);
    }
    s.release();
    if (leaver < queued) require(w[leaver].told == 0, "a call that had left was told that its turn had come");
    for (std::size_t i = 0; i < queued; ++i)
        require(w[i].told <= 1, "a waiter was told " + std::to_string(w[i].told) + " times");
}

} // namespace keel::testing::detail
