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

scripted<int> one_that_hangs()
{
    scripted<int> op;
    op.hangs();
    return op;
}

scripted<int> one_that_returns()
{
    scripted<int> op;
    op.returns(1);
    return op;
}

void the_operation(trial const& t)
{
    scene s(t);
    auto const call = s.start(one_that_returns());
    s.finish();
    require_by(s, call, ended_by::operation, "the operation returned");
}

void a_timeout(trial const& t)
{
    scene s(t);
    timeout const limit{{.name = "limit of the contract", .limit = 5ms}};
    auto const call = s.start(one_that_hangs(), s.with({limit}));
    s.advance(5ms);
    require_by(s, call, ended_by::timeout, "a timeout further out passed");
    require(s.end(call).report.policy == "limit of the contract",
            "a timeout passed, and the outcome names " + quoted(s.end(call).report.policy));
    require(s.end(call).error == errc::timed_out, "a timeout passed, and the call " + describe(s.end(call)));
}

void a_deadline(trial const& t)
{
    scene s(t);
    auto const call = s.start(one_that_hangs(), s.alone(), overrides().limit(5ms));
    s.advance(5ms);
    require_by(s, call, ended_by::deadline, "the call's own limit passed");
}

void the_caller(trial const& t)
{
    scene s(t);
    auto const call = s.start(one_that_hangs());
    s.cancel(call);
    s.settle();
    require_by(s, call, ended_by::caller, "the caller cancelled");
}

void a_refusal(trial const& t)
{
    scene s(t);
    if (!s.it().refuse) return;
    s.it().refuse();
    auto const call = s.start(one_that_returns());
    s.settle();
    require_by(s, call, ended_by::rejection, "the policy refused");
    require(s.end(call).report.policy == s.name(),
            "the policy refused, and the outcome names " + quoted(s.end(call).report.policy));
    require(name_of(s.it().policy) == s.name(), "it was called " + quoted(s.name()) +
                                                    " when it was made, and is now " +
                                                    quoted(name_of(s.it().policy)));
}

} // namespace

void says_who_ended_it(trial const& t)
{
    the_operation(t);
    a_timeout(t);
    a_deadline(t);
    the_caller(t);
    a_refusal(t);
}

} // namespace keel::testing::detail
