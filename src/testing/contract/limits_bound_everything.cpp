#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {

using namespace std::chrono_literals;

namespace {

constexpr auto limit = 25ms;

void one(trial const& t, scripted<int> const& op, bool behind_others, bool own_limit)
{
    scene s(t);
    if (behind_others && !s.fill()) return;
    auto const begin = s.elapsed();
    auto const call = own_limit ? s.start(op, s.alone(), overrides().limit(limit))
                                : s.start(op, s.with({timeout{{.limit = limit}}}));
    s.advance(limit);
    auto const where = std::string(behind_others ? "behind others" : "alone");
    require(s.done(call),
            "a call " + where + " was to be over after " + keel::to_string(limit) + ", and goes on");
    require(s.end(call).at - begin <= limit, "a call " + where + ' ' + describe(s.end(call)));
    s.release();
    s.finish();
    s.require_rest("after a call that had little time");
}

} // namespace

void limits_bound_everything(trial const& t)
{
    for (auto const behind_others : {false, true})
        for (auto const own_limit : {false, true}) {
            scripted<int> hangs;
            hangs.hangs();
            one(t, hangs, behind_others, own_limit);
            scripted<int> fails;
            fails.takes(4ms).fails(some_error());
            one(t, fails, behind_others, own_limit);
            scripted<int> fails_at_once;
            fails_at_once.fails(some_error());
            one(t, fails_at_once, behind_others, own_limit);
        }
}

} // namespace keel::testing::detail
