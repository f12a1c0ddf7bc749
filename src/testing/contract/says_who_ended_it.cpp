#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {

using namespace std::chrono_literals;

namespace {

void require_by(scene const& s, std::size_t call, ended_by who, std::string const& when)
{
    require(s.done(call), when + ", and it never ended");
    require(s.end(call).report.ended_by == who, when + ", and the call " + describe(s.end(call)));
}

} // namespace

void says_who_ended_it(trial const& t)
{
    scene s(t.make);
    scripted<int> returns;
    returns.returns(1);
    scripted<int> hangs;
    hangs.hangs();

    auto const good = s.start(returns);
    s.finish();
    require_by(s, good, ended_by::operation, "the operation returned");

    auto const slow = s.start(hangs, s.with({timeout{{.name = "limit of the contract", .limit = 5ms}}}));
    s.world().advance(5ms);
    require_by(s, slow, ended_by::timeout, "a timeout further out passed");
    require(s.end(slow).report.policy == "limit of the contract",
            "a timeout passed, and the outcome names " + quoted(s.end(slow).report.policy));
    require(s.end(slow).error == errc::timed_out, "a timeout passed, and the call " + describe(s.end(slow)));

    auto const late = s.start(hangs, s.alone(), overrides().limit(5ms));
    s.world().advance(5ms);
    require_by(s, late, ended_by::deadline, "the call's own limit passed");

    auto const left = s.start(hangs);
    s.cancel(left);
    s.settle();
    require_by(s, left, ended_by::caller, "the caller cancelled");

    s.finish();
    if (!s.it().refuse) return;
    s.it().refuse();
    auto const refused = s.start(returns);
    s.settle();
    require_by(s, refused, ended_by::rejection, "the policy refused");
    require(s.end(refused).report.policy == s.name(),
            "the policy refused, and the outcome names " + quoted(s.end(refused).report.policy));
}

} // namespace keel::testing::detail
