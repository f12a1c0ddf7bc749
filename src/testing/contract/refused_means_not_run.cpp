#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {

void refused_means_not_run(trial const& t)
{
    scene s(t);
    if (!s.it().refuse) does_not_apply("it never refuses");
    s.it().refuse();
    auto const memory = s.memory();
    auto const in_use = s.in_use();
    scripted<int> op;
    op.returns(1);
    for (auto i = 0; i < 3; ++i) {
        auto const call = s.start(op);
        require(op.started() == 0, "the operation ran, though the policy was to refuse");
        require(s.done(call), "the call waits, though the policy was to refuse at once");
        auto const& end = s.end(call);
        require(end.report.ended_by == ended_by::rejection, "the call " + describe(end));
        require(end.error == condition::rejected,
                "the refusal's reason, " + quoted(end.error.message()) + ", is not one of a refusal");
    }
    require(s.in_use() == in_use,
            "refused calls hold " + std::to_string(s.in_use()) + " instead of " + std::to_string(in_use));
    require(s.memory() == memory,
            "refused calls are remembered: " + quoted(memory) + " became " + quoted(s.memory()));
}

} // namespace keel::testing::detail
