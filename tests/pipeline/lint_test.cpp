// What a pipeline says of how it is put together.

#include "support/world.hpp"

#include <algorithm>
#include <vector>

namespace {

using namespace keel;

using rules = std::vector<lint_rule>;

rules rules_of(pipeline const& p)
{
    rules found;
    for (auto const& f : p.lint()) found.push_back(f.rule);
    return found;
}

retry_options three_attempts() { return retry_every(100ms, 3); }

TEST(lint, finds_nothing_in_a_sound_pipeline)
{
    EXPECT_EQ(rules_of(pipeline(fallback(1), timeout({.limit = 2s}), retry(three_attempts()),
                                circuit_breaker(), rate_limiter(), bulkhead(), timeout({.limit = 500ms}))),
              rules{});
    EXPECT_EQ(rules_of(pipeline()), rules{});
}

TEST(lint, finds_a_timeout_that_never_acts)
{
    EXPECT_EQ(rules_of(pipeline(timeout({.limit = 1s}), timeout({.limit = 1s}))),
              rules{lint_rule::timeout_never_acts});
    EXPECT_EQ(rules_of(pipeline(timeout({.limit = 1s}), timeout({.limit = 999ms}))), rules{});
}

TEST(lint, finds_attempts_that_do_not_fit_in_the_time)
{
    auto const attempts_of = [](duration attempt) {
        return pipeline(timeout({.limit = 1s}), retry(three_attempts()), timeout({.limit = attempt}));
    };
    EXPECT_EQ(rules_of(attempts_of(266ms)), rules{});
    EXPECT_EQ(rules_of(attempts_of(267ms)), rules{lint_rule::retries_do_not_fit});
}

TEST(lint, finds_pauses_that_do_not_fit_in_the_time)
{
    retry_options o;
    o.max_attempts = 5;
    o.backoff = exponential{.base = 100ms}; // 100 + 200 + 400 + 800
    EXPECT_EQ(rules_of(pipeline(timeout({.limit = 1501ms}), retry(o))), rules{});
    EXPECT_EQ(rules_of(pipeline(timeout({.limit = 1499ms}), retry(o))), rules{lint_rule::retries_do_not_fit});
    o.max_duration = 1s;
    EXPECT_EQ(rules_of(pipeline(timeout({.limit = 1499ms}), retry(o))), rules{});
}

TEST(lint, is_quick_about_a_thousand_million_attempts)
{
    EXPECT_EQ(rules_of(pipeline(timeout({.limit = 1h}), retry(retry_every(0ms, 1'000'000'000)))), rules{});
    EXPECT_EQ(rules_of(pipeline(timeout({.limit = 1s}), retry(retry_every(1ms, 1'000'000'000)))),
              rules{lint_rule::retries_do_not_fit});
}

TEST(lint, does_not_ask_a_backoff_function_of_the_users)
{
    auto asked = false;
    retry_options o;
    o.backoff = custom{.delay = [&](std::uint32_t) {
        asked = true;
        return duration(1h);
    }};
    EXPECT_EQ(rules_of(pipeline(timeout({.limit = 1s}), retry(o))), rules{});
    EXPECT_FALSE(asked);
}

TEST(lint, finds_attempts_that_do_not_fit_whatever_their_pauses)
{
    retry_options o;
    o.backoff = custom{.delay = [](std::uint32_t) { return duration(1ms); }};
    o.max_attempts = 3;
    auto const with_total = [&](duration total) {
        return pipeline(timeout({.limit = total}), retry(o), timeout({.limit = 4s}));
    };
    EXPECT_EQ(rules_of(with_total(5s)), rules{lint_rule::retries_do_not_fit});
    EXPECT_EQ(rules_of(with_total(12s)), rules{});
}

TEST(lint, finds_attempts_without_number_that_may_take_longer)
{
    retry_options o;
    o.max_attempts.reset();
    o.max_duration = 5s;
    EXPECT_EQ(rules_of(pipeline(timeout({.limit = 5s}), retry(o))), rules{});
    o.max_duration = 6s;
    EXPECT_EQ(rules_of(pipeline(timeout({.limit = 5s}), retry(o))), rules{lint_rule::retries_do_not_fit});
}

TEST(lint, counts_waits_and_grace_as_a_part_of_each_attempt)
{
    bulkhead const compartment{{.max_concurrent = 1, .max_queue = 10, .max_wait = 200ms}};
    auto const with_total = [&](duration total) {
        return pipeline(timeout({.limit = total}), retry(retry_every(0ms, 3)), compartment,
                        timeout({.limit = 100ms, .on_expiry = grace(50ms)}), rate_limiter({.max_wait = 1ms}));
    };
    EXPECT_EQ(rules_of(with_total(1050ms)), rules{});
    EXPECT_EQ(rules_of(with_total(1049ms)), rules{lint_rule::retries_do_not_fit});
}

TEST(lint, finds_a_retry_inside_a_retry)
{
    EXPECT_EQ(rules_of(pipeline(retry(), retry())), rules{lint_rule::retries_multiply});
}

TEST(lint, finds_a_repetition_of_what_is_not_idempotent)
{
    pipeline const p{{.idempotent = false}, retry()};
    EXPECT_EQ(rules_of(p), rules{lint_rule::repeats_what_is_not_idempotent});
    pipeline const safe{{.idempotent = true}, retry()};
    EXPECT_EQ(rules_of(safe), rules{});
    pipeline const single{{.idempotent = false}, retry(retry_every(0ms, 1))};
    EXPECT_EQ(rules_of(single), rules{});
    pipeline const inside{{.idempotent = true}, retry(), pipeline{{.idempotent = false}, timeout()}};
    EXPECT_EQ(rules_of(inside), rules{lint_rule::repeats_what_is_not_idempotent});
}

TEST(lint, finds_a_gate_that_stands_twice)
{
    bulkhead const one;
    EXPECT_EQ(rules_of(pipeline(one, timeout({.limit = 1s}), one)), rules{lint_rule::gate_twice});
    EXPECT_EQ(rules_of(pipeline(bulkhead(), bulkhead())), rules{});
}

TEST(lint, finds_gates_around_a_retry)
{
    EXPECT_EQ(rules_of(pipeline(circuit_breaker(), retry())), rules{lint_rule::breaker_around_retry});
    EXPECT_EQ(rules_of(pipeline(bulkhead(), retry())), rules{lint_rule::bulkhead_around_retry});
    EXPECT_EQ(rules_of(pipeline(rate_limiter(), retry())), rules{});
}

TEST(lint, finds_a_fallback_that_hides_failures)
{
    EXPECT_EQ(rules_of(pipeline(retry(), fallback(1))), rules{lint_rule::fallback_inside_retry});
    EXPECT_EQ(rules_of(pipeline(circuit_breaker(), fallback(1))), rules{lint_rule::fallback_inside_breaker});
}

TEST(lint, finds_a_wait_as_long_as_the_whole_call)
{
    bulkhead_options o{.max_queue = 5, .max_wait = 1s};
    EXPECT_EQ(rules_of(pipeline(timeout({.limit = 1s}), bulkhead(o))),
              rules{lint_rule::wait_uses_up_timeout});
    o.max_wait = 999ms;
    EXPECT_EQ(rules_of(pipeline(timeout({.limit = 1s}), bulkhead(o))), rules{});
    EXPECT_EQ(rules_of(pipeline(timeout({.limit = 1s}), rate_limiter({.max_wait = 2s}))),
              rules{lint_rule::wait_uses_up_timeout});
}

TEST(lint, sees_the_parts_of_a_pipeline_inside)
{
    pipeline const inner{retry()};
    EXPECT_EQ(rules_of(pipeline(retry(), inner)), rules{lint_rule::retries_multiply});
}

TEST(lint, explains_what_it_finds)
{
    pipeline const p{timeout({.name = "total", .limit = 1s}), timeout({.name = "attempt", .limit = 2s})};
    ASSERT_EQ(p.lint().size(), 1U);
    EXPECT_EQ(
        p.lint().front().text,
        "the timeout \"attempt\" of 2s is inside the timeout \"total\" of 1s, which always passes first: "
        "make it shorter, or take it out");
}

TEST(a_pipeline_with_findings, tells_its_sink)
{
    auto const sink = std::make_shared<recorder>();
    pipeline const p{{.name = "payments", .sink = sink}, retry(), fallback(1)};
    EXPECT_EQ(sink->lines(),
              std::vector<std::string>{
                  "event=questionable_composition pipeline=payments rule=fallback_inside_retry "
                  "text=\"the fallback \\\"fallback\\\" is inside the retry \\\"retry\\\": it answers the "
                  "failures, "
                  "and nothing is retried; put it outside\""});
}

TEST(a_pipeline_with_findings, can_refuse_to_be_built)
{
    try {
        pipeline const p{
            {.name = "payments", .on_finding = on_finding::refuse}, bulkhead(), retry(), retry()};
        FAIL() << "it was built";
    } catch (questionable_pipeline const& e) {
        EXPECT_EQ(e.findings().size(), 3U);
        EXPECT_TRUE(
            std::string_view(e.what()).starts_with("pipeline payments: bulkhead_around_retry: the gate"))
            << e.what();
    }
}

TEST(a_pipeline_with_findings, may_accept_what_is_meant)
{
    pipeline const p{
        {.on_finding = on_finding::refuse, .accepted = {lint_rule::retries_multiply}}, retry(), retry()};
    EXPECT_EQ(p.size(), 2U);
}

TEST(a_description, shows_by_what_a_breaker_judges)
{
    auto const described = [](circuit_breaker_options o) {
        return to_string(pipeline{{.name = "p"}, circuit_breaker(std::move(o))}.describe());
    };
    EXPECT_EQ(
        described({.window = count_window{.size = 50}, .failure_ratio = 0.25}),
        "p\n  circuit_breaker: window=50 min_calls=20 failure_ratio=0.25 open_for=5s half_open_permits=3");
    EXPECT_EQ(described({.failure_ratio = std::nullopt, .slow_call = 1s, .slow_ratio = 0.5}),
              "p\n  circuit_breaker: window=10s min_calls=20 slow_ratio=0.5 open_for=5s half_open_permits=3 "
              "slow_call=1s");
}

TEST(a_description, shows_every_part_with_its_options)
{
    pipeline const p{
        {.name = "payments", .instance = "eu"},     fallback(1),
        timeout({.name = "total", .limit = 2s}),    retry(retry_every(100ms, 3)),
        circuit_breaker(trips_after(3, 10s)),       rate_limiter({.permits = 50}),
        bulkhead({.max_queue = 4, .max_wait = 1s}), timeout({.limit = 500ms, .on_expiry = grace(100ms)})};
    EXPECT_EQ(to_string(p.describe()),
              "payments (eu)\n"
              "  fallback: alternatives=1\n"
              "    timeout \"total\": limit=2s\n"
              "      retry: max_attempts=3 backoff=constant base=100ms jitter=none budget=success_bucket\n"
              "        circuit_breaker: failures=3 open_for=10s half_open_permits=1\n"
              "          rate_limiter: permits=50 per=1s\n"
              "            bulkhead: max_concurrent=25 max_queue=4 max_wait=1s\n"
              "              timeout: limit=500ms grace=100ms");
}

TEST(a_description, shows_what_else_a_call_must_reckon_with)
{
    asio::io_context elsewhere;
    auto const all = [](int) { return verdict::success; };
    retry_options again = retry_every(1ms, 2);
    again.retry_if = [](failure const&) { return true; };
    again.retry_rejected = true;
    pipeline const p{{.idempotent = true},
                     classifier(all),
                     judged(retry(again, no_retry_budget), all),
                     bulkhead({}, run_on(elsewhere))};
    EXPECT_EQ(to_string(p.describe()), "pipeline, idempotent, with classifiers\n"
                                       "  retry: max_attempts=2 backoff=constant base=1ms jitter=none "
                                       "budget=none retry_rejected retry_if judged\n"
                                       "    bulkhead: max_concurrent=25 max_queue=0 run_on");
}

} // namespace
