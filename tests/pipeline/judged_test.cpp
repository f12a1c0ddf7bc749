// Policies with rules of their own for what a result means.

#include "support/world.hpp"

#include <boost/core/demangle.hpp>

#include <stdexcept>
#include <typeinfo>
#include <vector>

namespace {

using namespace keel;

struct page
{
    int status = 200;
};

verdict server_errors(page const& p) { return p.status >= 500 ? verdict::failure : verdict::success; }
verdict all_errors(page const& p) { return p.status >= 400 ? verdict::failure : verdict::success; }
verdict resets(failure const& f) { return f.code == reset() ? verdict::ignored : verdict::failure; }

scripted<page> gives(std::initializer_list<int> statuses)
{
    scripted<page> op;
    for (auto const status : statuses) op.returns(page{status});
    return op;
}

TEST(a_judged_breaker, counts_by_its_own_rule)
{
    simulation world;
    circuit_breaker const strict(trips_after(1));
    circuit_breaker const lax(trips_after(1));
    pipeline const p{judged(strict, all_errors), lax, classifier(server_errors)};

    auto const end = world.run(p.run(gives({404})));

    EXPECT_TRUE(end.ok());
    EXPECT_EQ(strict.state(), circuit_state::open);
    EXPECT_EQ(lax.state(), circuit_state::closed);
}

TEST(a_judged_retry, tries_again_what_the_pipeline_calls_a_success)
{
    simulation world;
    pipeline const p{judged(retry(retry_every(1ms, 3)), all_errors)};

    auto const end = world.run(p.run(gives({404, 200})));

    EXPECT_EQ(end.value().status, 200);
    EXPECT_EQ(end.attempts(), 2U);
}

TEST(a_judged_policy, may_stand_in_a_list_that_is_put_together_at_run_time)
{
    simulation world;
    circuit_breaker const strict(trips_after(1));
    std::vector<any_part> const parts{judged(strict, all_errors),
                                      judged(retry(retry_every(1ms, 2)), all_errors)};
    pipeline const p(pipeline_options{}, parts);

    auto const end = world.run(p.run(gives({404})));

    EXPECT_EQ(end.value().status, 404);
    EXPECT_EQ(end.attempts(), 2u);
    EXPECT_EQ(strict.state(), circuit_state::open);
    EXPECT_EQ(world.run(p.run(gives({200}))).error(), errc::circuit_open);
}

TEST(a_judged_retry, hands_out_the_last_result_when_it_gives_up)
{
    simulation world;
    pipeline const p{judged(retry(retry_every(1ms, 3)), all_errors)};

    auto const end = world.run(p.run(gives({404})));

    EXPECT_EQ(end.value().status, 404);
    EXPECT_EQ(end.attempts(), 3U);
    EXPECT_TRUE(end.ok());
}

TEST(a_judged_retry, waits_for_as_long_as_its_own_rule_says)
{
    simulation world;
    auto const busy = [](page const& p) {
        return p.status == 429 ? judgement(verdict::throttled, 5s) : judgement(verdict::success);
    };
    pipeline const p{judged(retry(retry_every(1ms, 2)), busy)};

    (void)world.run(p.run(gives({429, 200})));

    EXPECT_EQ(world.elapsed(), 5s);
}

TEST(a_judged_fallback, answers_a_result_that_is_no_failure_to_others)
{
    simulation world;
    circuit_breaker const breaker(trips_after(1));
    pipeline const p{judged(fallback(page{0}), all_errors), breaker};

    auto const end = world.run(p.run(gives({404})));

    EXPECT_EQ(end.value().status, 0);
    EXPECT_EQ(end.ended_by(), ended_by::fallback);
    EXPECT_EQ(breaker.state(), circuit_state::closed);
}

TEST(a_judged_policy, takes_rules_for_errors_too)
{
    simulation world;
    circuit_breaker const breaker(trips_after(1));
    circuit_breaker const other(trips_after(1));
    pipeline const p{other, judged(breaker, all_errors, resets)};

    (void)world.run(p.run(scripted<page>().fails(reset())));

    EXPECT_EQ(breaker.state(), circuit_state::closed);
    EXPECT_EQ(other.state(), circuit_state::open);
}

TEST(a_judged_policy, goes_by_the_pipelines_rules_for_other_types)
{
    simulation world;
    circuit_breaker const breaker(trips_after(1));
    pipeline const p{judged(breaker, all_errors)};

    (void)world.run(p.run(scripted<int>().fails(reset())));

    EXPECT_EQ(breaker.state(), circuit_state::open);
}

TEST(a_judged_policy, sees_a_refusal_as_the_others_do)
{
    simulation world;
    circuit_breaker const inner(trips_after(1));
    inner.force_open();
    circuit_breaker const outer(trips_after(1));
    pipeline const p{judged(outer, all_errors, [](failure const&) { return verdict::failure; }), inner};

    (void)world.run(p.run(gives({200})));

    EXPECT_EQ(outer.state(), circuit_state::closed);
}

TEST(a_judged_policy, keeps_its_rules_inside_another_pipeline)
{
    simulation world;
    circuit_breaker const breaker(trips_after(1));
    pipeline const inner{timeout({.limit = 1s}), judged(breaker, all_errors)};
    pipeline const outer{retry(retry_every(1ms, 2)), inner};

    (void)world.run(outer.run(gives({404})));

    EXPECT_EQ(breaker.state(), circuit_state::open);
}

TEST(a_judged_policy, ends_the_call_with_what_its_rule_throws)
{
    simulation world;
    bulkhead const one({.max_concurrent = 1});
    auto const odd = [](page const&) -> verdict { throw std::logic_error("odd"); };
    pipeline const p{one, judged(retry(), odd)};

    auto const end = world.run(p.run(gives({200})));

    EXPECT_EQ(end.ended_by(), ended_by::predicate);
    EXPECT_THROW((void)end.value(), std::logic_error);
    EXPECT_EQ(one.snapshot().running, 0U);
}

TEST(a_judged_policy, whose_rule_throws_goes_by_what_the_result_means_to_all)
{
    simulation world;
    auto const odd = [](page const&) -> verdict { throw std::logic_error("odd"); };
    circuit_breaker const strict(trips_after(1));
    circuit_breaker const other(trips_after(1));
    pipeline const p{other, judged(strict, odd), classifier(server_errors)};

    EXPECT_EQ(world.run(p.run(gives({200}))).ended_by(), ended_by::predicate);
    EXPECT_EQ(strict.state(), circuit_state::closed);
    EXPECT_EQ(world.run(p.run(gives({500}))).ended_by(), ended_by::predicate);
    EXPECT_EQ(strict.state(), circuit_state::open);
    EXPECT_EQ(other.state(), circuit_state::closed);
}

TEST(a_judged_policy, forgets_what_its_rule_said_when_the_classifier_of_all_throws)
{
    simulation world;
    auto const odd = [](page const& p) -> verdict {
        if (p.status == 200) throw std::logic_error("odd");
        return verdict::success;
    };
    circuit_breaker const strict(trips_after(1));
    pipeline const p{judged(strict, all_errors), retry(retry_every(1ms, 3)), classifier(odd),
                     judged(retry(retry_every(1ms, 2)), all_errors)};

    auto const end = world.run(p.run(gives({404, 200})));

    EXPECT_EQ(end.ended_by(), ended_by::predicate);
    EXPECT_EQ(strict.state(), circuit_state::closed);
}

TEST(a_classifier, judges_also_what_a_pipeline_inside_would_judge_wherever_it_stands)
{
    simulation world;
    pipeline const lax{classifier(server_errors)};
    pipeline const strict{classifier(all_errors)};
    auto const is_ok = [&](pipeline const& p) { return world.run(p.run(gives({404}))).ok(); };

    EXPECT_FALSE(is_ok(pipeline{classifier(all_errors), lax}));
    EXPECT_FALSE(is_ok(pipeline{lax, classifier(all_errors)}));
    EXPECT_TRUE(is_ok(pipeline{lax, strict})) << "of two that stand in it, the first";
    EXPECT_FALSE(is_ok(pipeline{pipeline{strict}, lax}));
}

TEST(a_judged_policy, takes_one_rule_for_each_type)
{
    try {
        (void)pipeline(judged(retry(), all_errors, server_errors));
        FAIL() << "which of the two?";
    } catch (std::invalid_argument const& e) {
        EXPECT_EQ(e.what(), "pipeline: two classifiers judge " + boost::core::demangle(typeid(page).name()));
    }
}

} // namespace
