#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {

using namespace std::chrono_literals;

namespace {

/// A permit of a time that does not count any more is settled: nothing is remembered of it.
void news_from_before(trial const& t, verdict late)
{
    scene s(t);
    if (!s.it().begin_anew || !s.as_gate()) return;
    moment now(s.around().now());
    auto const answer = s.as_gate()->admit({.now = now});
    if (answer.what != admission::kind::granted) return;
    s.it().begin_anew();
    auto const memory = s.memory();
    s.as_gate()->settle(answer.pass, late, {.now = now});
    require(s.memory() == memory, "news of a call from before it began anew changed " + quoted(memory) +
                                      " to " + quoted(s.memory()));
    s.require_rest("after news of a call from before it began anew");
}

/// An operation that was left behind ends at last.
void an_orphan(trial const& t, bool returns)
{
    scene s(t);
    scripted<int> op;
    op.takes(50ms).ignoring_cancellation();
    if (returns)
        op.returns(1);
    else
        op.fails(some_error());
    auto const begin = s.elapsed();
    auto const call = s.start(op, s.with({timeout{{.limit = 10ms, .on_expiry = abandon}}}));
    s.advance(20ms);
    require(s.done(call) && s.end(call).at - begin <= 10ms, "a call that was to be abandoned did not return");
    auto const memory = s.memory();
    auto const told = describe(s.end(call));
    s.finish();
    require(op.running() == 0, "the operation left behind never ended");
    require(s.memory() == memory, "an operation that was left behind ended, and " + quoted(memory) +
                                      " became " + quoted(s.memory()));
    require(s.end(call).times == 1 && describe(s.end(call)) == told, "a call that had ended ended again");
    s.require_rest("after an operation that was left behind has ended");
}

} // namespace

void late_results_do_not_count(trial const& t)
{
    for (auto const late : {verdict::success, verdict::failure, verdict::throttled})
        news_from_before(t, late);
    for (auto const returns : {true, false}) an_orphan(t, returns);
}

} // namespace keel::testing::detail
