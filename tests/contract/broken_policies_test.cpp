// Policies that break one law each: the contract must name that one, and no other.

#include "contract/doorkeeper.hpp"

#include <keel/pipeline.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace keel::tests {
namespace {

using namespace std::chrono_literals;
using testing::subject;
using testing::surroundings;

struct broken_policy
{
    std::string law;
    std::string policy;
    testing::make_subject make;
};

void PrintTo(broken_policy const& p, std::ostream* out) { *out << p.policy; }

broken_policy faulty(std::string law, std::string policy, fault wrong)
{
    return {std::move(law), std::move(policy),
            [wrong](surroundings const& around) { return doorkeeper_subject(around, wrong); }};
}

/// A loop that answers every failure in one way.
class stubborn final : public loop
{
public:
    explicit stubborn(loop_action answer) : answer_(answer) {}
    std::string_view name() const noexcept override { return "stubborn"; }
    std::unique_ptr<loop_run> begin(moment&) const override { return std::make_unique<run>(answer_); }

private:
    class run final : public loop_run
    {
    public:
        explicit run(loop_action answer) : answer_(answer) {}
        loop_action attempt_ended(attempt_end const& end) override
        {
            return end.what == verdict::success ? pass_on{} : answer_;
        }

    private:
        loop_action answer_;
    };

    loop_action answer_;
};

/// Counts the attempts of the whole call for its own, and so those that a loop further out begins.
class miscounting final : public loop
{
public:
    std::string_view name() const noexcept override { return "miscounting"; }
    std::unique_ptr<loop_run> begin(moment&) const override { return std::make_unique<run>(); }

private:
    class run final : public loop_run
    {
    public:
        loop_action attempt_ended(attempt_end const& end) override
        {
            if (end.what == verdict::success || end.attempts > 2) return pass_on{};
            return run_again{1ms};
        }
    };
};

testing::make_subject always(loop_action answer)
{
    return [answer](surroundings const&) {
        return subject{.policy = std::shared_ptr<loop const>(std::make_shared<stubborn const>(answer))};
    };
}

subject undeclared_abandon(surroundings const&)
{
    return {.policy = timeout{{.limit = 30ms, .on_expiry = abandon}}};
}

std::vector<broken_policy> const& broken_policies()
{
    static std::vector<broken_policy> const all{
        faulty("waiters_are_told_once", "tells_twice", fault::tells_twice),
        faulty("waiters_are_told_once", "tells_the_last_first", fault::tells_the_last_first),
        faulty("waiters_are_told_once", "tells_whoever_left", fault::tells_whoever_left),
        faulty("waiters_are_told_once", "forgets_who_waits", fault::forgets_who_waits),
        {"every_call_ends_once", "runs_again_for_ever", always(run_again{1ms})},
        {"every_call_ends_once", "runs_again_for_ever_without_a_pause", always(run_again{})},
        faulty("refused_means_not_run", "charges_for_refusals", fault::charges_for_refusals),
        faulty("refused_means_not_run", "refuses_with_a_timeout", fault::refuses_with_a_timeout),
        faulty("cancelled_gives_back", "keeps_what_was_cancelled", fault::keeps_what_was_cancelled),
        faulty("cancelled_says_nothing", "counts_what_was_cancelled", fault::counts_what_was_cancelled),
        faulty("leaving_frees_the_place", "keeps_the_place_of_whoever_left",
               fault::keeps_the_place_of_whoever_left),
        faulty("a_turn_is_never_lost", "tells_nobody_of_a_seat_given_back",
               fault::tells_nobody_of_a_seat_given_back),
        {"results_pass_unchanged", "replaces_failures", always(fail_with{errc::rate_limited})},
        {"nothing_is_left_running", "abandons_without_saying_so", undeclared_abandon},
        faulty("late_results_do_not_count", "counts_late_news", fault::counts_late_news),
        faulty("mistakes_make_no_policy", "takes_any_size", fault::takes_any_size),
        faulty("at_rest_all_is_free", "keeps_what_failed_in_its_books",
               fault::keeps_what_failed_in_its_books),
        faulty("user_code_may_throw", "keeps_the_seat_when_user_code_throws",
               fault::keeps_the_seat_when_user_code_throws),
        faulty("user_code_runs_unlocked", "calls_user_code_under_its_lock",
               fault::calls_user_code_under_its_lock),
        faulty("says_who_ended_it", "changes_its_name", fault::changes_its_name),
        {"nesting_changes_nothing", "miscounts",
         [](surroundings const&) {
             return subject{.policy = std::shared_ptr<loop const>(std::make_shared<miscounting const>())};
         }},
        faulty("events_tell_the_time", "tells_no_time", fault::tells_no_time),
        faulty("the_end_of_the_world_frees_all", "gives_back_by_a_post", fault::gives_back_by_a_post),
        faulty("the_same_seed_tells_the_same", "remembers_other_doorkeepers",
               fault::remembers_other_doorkeepers),
        faulty("looking_changes_nothing", "is_changed_by_looking", fault::is_changed_by_looking),
    };
    return all;
}

class a_policy_that : public ::testing::TestWithParam<broken_policy>
{};

TEST_P(a_policy_that, breaks_a_law_is_told_which)
{
    auto const& [law, name, make] = GetParam();
    auto const report = testing::policy_contract(name, make, 100ms).check();
    EXPECT_FALSE(report.held());
    EXPECT_EQ(report.broken(), std::vector<std::string_view>{law}) << report;
}

INSTANTIATE_TEST_SUITE_P(contract, a_policy_that, ::testing::ValuesIn(broken_policies()),
                         [](auto const& tested) { return tested.param.policy; });

/// What only the pipeline can break, whatever a policy does.
std::set<std::string_view> const laws_of_the_pipeline{"refusals_are_neutral", "cancelled_before_it_begins",
                                                      "limits_bound_everything"};

TEST(the_contract, can_find_each_law_broken_that_a_policy_can_break)
{
    auto found = laws_of_the_pipeline;
    for (auto const& p : broken_policies()) found.insert(p.law);
    for (auto const& law : testing::policy_contract::laws()) EXPECT_TRUE(found.contains(law.law)) << law.law;
}

TEST(the_contract, says_what_was_found_and_what_is_allowed)
{
    auto const report = testing::policy_contract("a door", [](surroundings const& around) {
                            return doorkeeper_subject(around, fault::charges_for_refusals);
                        }).check();
    std::ostringstream text;
    text << report;
    EXPECT_NE(text.str().find("contract of a door: BROKEN"), std::string::npos) << text.str();
    EXPECT_NE(text.str().find("refused calls hold 3 instead of 0"), std::string::npos) << text.str();
    EXPECT_NE(text.str().find("not checked: refused_means_not_run is broken"), std::string::npos)
        << text.str();
}

} // namespace
} // namespace keel::tests
