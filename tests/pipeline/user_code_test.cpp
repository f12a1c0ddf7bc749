#include <keel/pipeline.hpp>

#include "support/calls.hpp"

namespace keel {
namespace {

struct bug : std::logic_error
{
    bug() : logic_error("a bug in user code") {}
};

/// Runs one failing call; the bug must come out, and nothing may stay behind.
template <class... Parts>
outcome<int> run_into_it(simulation& world, bulkhead const& around, Parts const&... parts)
{
    scripted<int> op;
    op.takes(1ms).fails(reset());
    pipeline const p{around, parts...};
    auto end = world.run(p.run(op));
    EXPECT_EQ(end.ended_by(), ended_by::predicate);
    EXPECT_THROW((void)world.run(p(op)), bug);
    EXPECT_EQ(around.snapshot().running, 0U);
    expect_nothing_left(world);
    return end;
}

TEST(user_code_that_throws, in_retry_if)
{
    simulation world;
    bulkhead const around{{.max_concurrent = 1}};
    auto options = retry_every(1s, 3);
    options.retry_if = [](failure const&) -> bool { throw bug(); };
    EXPECT_EQ(run_into_it(world, around, retry{options}).attempts(), 1U);
}

TEST(user_code_that_throws, in_a_custom_backoff)
{
    simulation world;
    bulkhead const around{{.max_concurrent = 1}};
    retry_options options;
    options.backoff = custom{.delay = [](std::uint32_t) -> duration { throw bug(); }};
    EXPECT_EQ(run_into_it(world, around, retry{options}).attempts(), 1U);
}

TEST(user_code_that_throws, in_failure_if_and_the_failure_is_counted)
{
    simulation world;
    bulkhead const around{{.max_concurrent = 1}};
    auto options = trips_after(5);
    options.failure_if = [](failure const&) -> bool { throw bug(); };
    circuit_breaker const breaker{options};
    (void)run_into_it(world, around, breaker);
    EXPECT_EQ(breaker.snapshot(world.clock().now()).consecutive_failures, 2U);
}

TEST(user_code_that_throws, in_a_classifier)
{
    simulation world;
    bulkhead const around{{.max_concurrent = 1}};
    (void)run_into_it(world, around, classifier{[](failure const&) -> verdict { throw bug(); }},
                      retry{retry_every(1s, 3)});
}

TEST(user_code_that_throws, in_a_condition_of_a_fallback)
{
    simulation world;
    bulkhead const around{{.max_concurrent = 1}};
    auto choice = fallback{}.when([](failure const&) -> bool { throw bug(); }, 7);
    (void)run_into_it(world, around, choice);
}

class angry_sink final : public telemetry::sink
{
public:
    void on(telemetry::event const&) override { throw bug(); }
};

TEST(user_code_that_throws, in_a_sink_or_a_listener_changes_nothing)
{
    simulation world;
    auto options = trips_after(1);
    options.on_transition = [](circuit_transition const&) { throw bug(); };
    circuit_breaker const breaker{options};
    pipeline const p{{.sink = std::make_shared<angry_sink>()},
                     retry{retry_every(1ms, 2)},
                     breaker,
                     timeout{{.limit = 1s}}};
    scripted<int> op;
    op.hangs();

    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.error(), errc::circuit_open);
    EXPECT_EQ(breaker.state(), circuit_state::open);
}

TEST(user_code_that_calls_back, into_the_policy_that_called_it_does_not_deadlock)
{
    simulation world;
    circuit_breaker* self = nullptr;
    auto options = trips_after(1);
    std::vector<circuit_state> seen;
    options.on_transition = [&](circuit_transition const&) { seen.push_back(self->state()); };
    options.failure_if = [&](failure const&) { return self->state() == circuit_state::closed; };
    circuit_breaker breaker{options};
    self = &breaker;
    pipeline const p{breaker};
    scripted<int> op;
    op.fails(reset());

    (void)world.run(p.run(op));

    EXPECT_EQ(seen, std::vector{circuit_state::open});
}

} // namespace
} // namespace keel
