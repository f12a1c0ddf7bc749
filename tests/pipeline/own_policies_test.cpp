// Gates and loops written by users, pipelines in pipelines, and what one call may override.

#include "support/calls.hpp"
#include "support/world.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace {

using namespace keel;

/// Lets every second call in.
class every_second final : public gate
{
public:
    std::string_view name() const noexcept override { return "every_second"; }

    admission admit(visit const& v) override
    {
        weight += v.weight;
        if (asked++ % 2 != 0) return admission::refused(errc::rate_limited);
        ++inside;
        return admission::granted({0, {}, v.weight});
    }

    void settle(grant const&, verdict v, visit const&) noexcept override
    {
        --inside;
        heard.push_back(v);
    }

    int asked = 0;
    int inside = 0;
    std::uint32_t weight = 0;
    std::vector<verdict> heard;
};

class broken_gate final : public gate
{
public:
    std::string_view name() const noexcept override { return "broken"; }
    admission admit(visit const&) override { throw std::runtime_error("no"); }
    void settle(grant const&, verdict, visit const&) noexcept override {}
};

/// Runs again at once, a number of times.
class again final : public loop
{
public:
    explicit again(int times, duration pause = 0ms) : times_(times), pause_(pause) {}
    std::string_view name() const noexcept override { return "again"; }

    std::unique_ptr<loop_run> begin(moment&) const override { return std::make_unique<run>(times_, pause_); }

private:
    class run final : public loop_run
    {
    public:
        run(int left, duration pause) : left_(left), pause_(pause) {}

        loop_action attempt_ended(attempt_end const& end) override
        {
            if (end.what == verdict::success) return pass_on{};
            if (left_-- > 0) return run_again{pause_};
            return fail_with{errc::rate_limited};
        }

    private:
        int left_;
        duration pause_;
    };

    int times_;
    duration pause_;
};

std::shared_ptr<loop const> repeated(int times, duration pause = 0ms)
{
    return std::make_shared<again const>(times, pause);
}

TEST(a_users_gate, refuses_and_hears_of_the_end)
{
    simulation world;
    auto const own = std::make_shared<every_second>();
    pipeline const p{std::shared_ptr<gate>(own)};
    scripted<int> op;
    op.returns(1).fails(reset());
    EXPECT_TRUE(world.run(p.run(op)).ok());
    auto const refused = world.run(p.run(op));
    EXPECT_EQ(refused.ended_by(), ended_by::rejection);
    EXPECT_EQ(refused.report().policy, "every_second");
    EXPECT_FALSE(world.run(p.run(op)).ok());
    EXPECT_EQ(own->inside, 0);
    EXPECT_EQ(own->heard, (std::vector{verdict::success, verdict::failure}));
    EXPECT_EQ(op.started(), 2u);
}

/// Counts its runs.
class counted final : public loop
{
public:
    std::string_view name() const noexcept override { return "counted"; }
    std::unique_ptr<loop_run> begin(moment&) const override { return std::make_unique<run>(*this); }

    mutable int alive = 0;
    mutable int most = 0;

private:
    class run final : public loop_run
    {
    public:
        explicit run(counted const& of) : of_(of) { of_.most = std::max(of_.most, ++of_.alive); }
        ~run() override { --of_.alive; }
        loop_action attempt_ended(attempt_end const&) override { return pass_on{}; }

    private:
        counted const& of_;
    };
};

TEST(a_users_loop, must_begin_something)
{
    class empty final : public loop
    {
    public:
        std::string_view name() const noexcept override { return "empty"; }
        std::unique_ptr<loop_run> begin(moment&) const override { return nullptr; }
    };
    simulation world;
    pipeline const p{std::shared_ptr<loop const>(std::make_shared<empty const>())};
    scripted<int> op;
    op.returns(1);
    auto const end = world.run(p.run(op));
    EXPECT_EQ(end.ended_by(), ended_by::predicate);
    EXPECT_THROW((void)end.value(), std::logic_error);
    EXPECT_EQ(op.started(), 0U);
}

TEST(a_users_loop, is_begun_anew_for_each_way_in_and_gone_after_each_way_out)
{
    simulation world;
    auto const outer = std::make_shared<counted const>();
    auto const inner = std::make_shared<counted const>();
    pipeline const p{retry{retry_every(1ms, 100), no_retry_budget}, std::shared_ptr<loop const>(outer),
                     retry{retry_every(1ms, 2), no_retry_budget}, std::shared_ptr<loop const>(inner)};
    scripted<int> op;
    op.fails(reset());
    EXPECT_EQ(world.run(p.run(op)).attempts(), 200U);
    EXPECT_EQ(outer->most, 1);
    EXPECT_EQ(inner->most, 1);
    EXPECT_EQ(outer->alive + inner->alive, 0);
}

TEST(a_users_gate, may_throw)
{
    simulation world;
    auto const outer = std::make_shared<every_second>();
    pipeline const p{std::shared_ptr<gate>(outer), std::shared_ptr<gate>(std::make_shared<broken_gate>())};
    scripted<int> op;
    op.returns(1);
    auto const end = world.run(p.run(op));
    EXPECT_EQ(end.ended_by(), ended_by::predicate);
    EXPECT_THROW((void)end.value(), std::runtime_error);
    EXPECT_EQ(outer->inside, 0);
    EXPECT_EQ(op.started(), 0u);
}

/// Lets whoever comes wait, and then tells it that its wait is over.
class fruitless_queue final : public gate
{
public:
    std::string_view name() const noexcept override { return "fruitless"; }
    admission admit(visit const& v) override
    {
        waiting = v.waiter;
        return admission::queued();
    }
    void settle(grant const&, verdict, visit const&) noexcept override { ++settled; }
    bool withdraw(turn_waiter&, visit const&) noexcept override
    {
        return std::exchange(waiting, nullptr) != nullptr;
    }

    turn_waiter* waiting = nullptr;
    int settled = 0;
};

TEST(a_users_gate, is_not_passed_by_the_permit_of_a_gate_before_it)
{
    simulation world;
    bulkhead const before{{.max_concurrent = 1, .max_queue = 1}};
    auto const own = std::make_shared<fruitless_queue>();
    pipeline const p{before, std::shared_ptr<gate>(own)};
    scripted<int> op;
    op.returns(1);
    auto held = before.try_acquire(world.clock().now());
    calls all(world);
    all.start(p, op);
    world.advance(0ns);
    held.settle(verdict::success, world.clock().now());
    world.advance(0ns);
    ASSERT_TRUE(own->waiting);
    std::exchange(own->waiting, nullptr)->turn_came();
    world.drain();
    EXPECT_EQ(all.at(0).error, errc::bulkhead_wait_expired);
    EXPECT_EQ(op.started(), 0u);
    EXPECT_EQ(own->settled, 0) << "it has given no permit";
    EXPECT_EQ(before.snapshot().running, 0u);
}

TEST(a_users_gate, must_not_be_null)
{
    EXPECT_THROW(pipeline{std::shared_ptr<gate>()}, std::invalid_argument);
    EXPECT_THROW(pipeline{std::shared_ptr<loop const>()}, std::invalid_argument);
}

TEST(a_users_loop, runs_the_operation_again)
{
    simulation world;
    scripted<int> op;
    op.fails(reset()).fails(reset()).returns(3);
    pipeline const p{repeated(2, 10ms)};
    auto const end = world.run(p.run(op));
    EXPECT_TRUE(end.ok());
    EXPECT_EQ(end.attempts(), 3u);
    EXPECT_EQ(world.elapsed(), 20ms);
}

TEST(a_users_loop, may_replace_the_error)
{
    simulation world;
    scripted<int> op;
    op.fails(reset());
    pipeline const p{repeated(1)};
    auto const end = world.run(p.run(op));
    EXPECT_EQ(end.error(), errc::rate_limited);
    EXPECT_EQ(end.report().policy, "again");
    EXPECT_EQ(op.started(), 2u);
}

TEST(a_users_loop, does_not_pause_beyond_the_deadline)
{
    simulation world;
    scripted<int> op;
    op.fails(reset());
    pipeline const p{timeout{{.limit = 50ms}}, repeated(9, 20ms)};
    auto const end = world.run(p.run(op));
    EXPECT_EQ(end.error(), reset());
    EXPECT_EQ(end.attempts(), 3u);
    EXPECT_EQ(world.elapsed(), 40ms);
    expect_nothing_left(world);
}

TEST(a_pipeline_in_a_pipeline, stands_there_with_its_parts)
{
    simulation world;
    bulkhead const rooms{{.max_concurrent = 1}};
    pipeline const inner{retry{retry_every(10ms, 3), no_retry_budget}, rooms};
    pipeline const outer{timeout{{.limit = 15ms}}, inner};
    EXPECT_EQ(outer.size(), 3u);
    scripted<int> op;
    op.fails(reset());
    auto const end = world.run(outer.run(op));
    EXPECT_EQ(end.error(), reset());
    EXPECT_EQ(end.attempts(), 2u);
    EXPECT_EQ(rooms.snapshot().running, 0u);
}

TEST(an_override, forbids_the_second_attempt)
{
    simulation world;
    scripted<int> op;
    op.fails(reset());
    pipeline const p{retry{retry_every(10ms, 3), no_retry_budget}, repeated(5)};
    auto const end = world.run(p.with(overrides().no_retry()).run(op));
    EXPECT_EQ(end.error(), reset());
    EXPECT_EQ(op.started(), 1u);
}

TEST(an_override, limits_one_call)
{
    simulation world;
    scripted<int> op;
    op.hangs();
    pipeline const p{timeout{{.limit = 1h}}};
    auto const end = world.run(p.with(overrides().limit(30ms)).run(op));
    EXPECT_EQ(end.ended_by(), ended_by::deadline);
    EXPECT_EQ(end.error(), errc::timed_out);
    EXPECT_EQ(world.elapsed(), 30ms);
    expect_nothing_left(world);
}

TEST(a_loop, that_fails_with_nothing_passes_on)
{
    class helpless final : public loop
    {
    public:
        std::string_view name() const noexcept override { return "helpless"; }
        std::unique_ptr<loop_run> begin(moment&) const override { return std::make_unique<run>(); }

    private:
        struct run final : loop_run
        {
            loop_action attempt_ended(attempt_end const&) override { return fail_with{}; }
        };
    };
    simulation world;
    pipeline const p{std::shared_ptr<loop const>(std::make_shared<helpless>())};

    EXPECT_EQ(world.run(p.run(scripted<int>().returns(1))).value(), 1);
    auto const end = world.run(p.run(scripted<int>().fails(reset())));
    EXPECT_EQ(end.ended_by(), ended_by::operation);
    EXPECT_EQ(end.error(), reset());
}

TEST(a_null_pointer, is_no_policy)
{
    auto const complaint = [](auto... parts) -> std::string {
        try {
            pipeline const p(parts...);
            return "none";
        } catch (std::invalid_argument const& e) {
            return e.what();
        }
    };
    EXPECT_EQ(complaint(retry(), std::shared_ptr<gate>()),
              "pipeline: policy number 2 (classifiers not counted) is a null pointer");
    EXPECT_EQ(complaint(std::shared_ptr<loop const>()),
              "pipeline: policy number 1 (classifiers not counted) is a null pointer");
}

TEST(an_override, gives_a_call_its_weight)
{
    simulation world;
    auto const own = std::make_shared<every_second>();
    scripted<int> op;
    op.returns(1);
    pipeline const p{std::shared_ptr<gate>(own)};
    EXPECT_TRUE(world.run(p.with(overrides().weight(5)).run(op)).ok());
    EXPECT_EQ(own->weight, 5u);
    EXPECT_EQ(overrides().weight(0).weight(), 1u) << "nobody is let in for nothing";

    bulkhead const rooms{{.max_concurrent = 4}};
    pipeline const four{rooms};
    auto const heavy = world.run(four.with(overrides().weight(5)).run(op));
    EXPECT_EQ(heavy.error(), errc::bulkhead_full);
}

} // namespace
