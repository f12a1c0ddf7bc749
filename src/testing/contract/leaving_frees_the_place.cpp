#include "law.hpp"
#include "scene.hpp"

#include <algorithm>

namespace keel::testing::detail {

using namespace std::chrono_literals;

namespace {

std::string list(std::vector<std::size_t> const& numbers)
{
    std::string text;
    for (auto const n : numbers) text += (text.empty() ? "" : ", ") + std::to_string(n);
    return text;
}

/// The calls that are left start in the order in which they came.
void require_order(scene& s, std::vector<std::size_t> const& expected)
{
    s.release();
    s.finish();
    for (auto const n : expected)
        require(s.end(n).has_value, "call " + std::to_string(n) + ' ' + describe(s.end(n)));
    require(s.order() == expected, "calls started in the order " + list(s.order()) +
                                       ", and had come in the order " + list(expected));
    s.require_rest("after a waiter has left");
}

void one_is_cancelled(trial const& t)
{
    scene s(t);
    auto left = fill_and_queue(s);
    auto const leaver = left[left.size() / 2];
    auto const before = s.waiting();
    s.cancel(leaver);
    s.settle();
    require(s.done(leaver), "a waiter that is cancelled does not leave");
    if (s.it().waiting) {
        require(s.waiting() + 1 == before, "a waiter left, and of " + std::to_string(before) +
                                               " calls that waited " + std::to_string(s.waiting()) + " wait");
    }
    left.erase(std::find(left.begin(), left.end(), leaver));

    scripted<int> op;
    op.takes(1ms).returns(1);
    auto const newcomer = s.start(op);
    require(!s.done(newcomer),
            "a waiter left a full queue, and the next call found no place: it " + describe(s.end(newcomer)));
    left.push_back(newcomer);
    require_order(s, left);
}

void one_runs_out_of_time(trial const& t)
{
    scene s(t);
    auto left = fill_and_queue(s, 2);
    scripted<int> op;
    op.takes(1ms).returns(1);
    auto const leaver = s.start(op, s.with({timeout{{.limit = 1us}}}));
    if (s.done(leaver)) return; // a wait that must come to nothing is not begun
    auto const later = s.start(op);
    if (!s.done(later)) left.push_back(later);
    s.advance(1us);
    if (!s.done(leaver)) return; // the law on limits has something to say about that
    require(op.started() == 0, "a waiter whose time is over went in");
    require_order(s, left);
}

} // namespace

void leaving_frees_the_place(trial const& t)
{
    one_is_cancelled(t);
    one_runs_out_of_time(t);
}

} // namespace keel::testing::detail
