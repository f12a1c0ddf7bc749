// Promises of one policy that no other test shows: see the matrix.

#include "support/calls.hpp"
#include "support/two_threads.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <variant>

namespace keel {
namespace {

TEST(a_timeout_that_passes, touches_no_other_call)
{
    simulation world;
    calls all(world);
    pipeline const p{timeout{{.limit = 10ms}}};
    scripted<int> slow;
    slow.hangs();
    scripted<int> quick;
    quick.takes(9ms).returns(1);
    all.start(p, slow);
    world.advance(5ms);
    all.start(p, quick); // under the same timeout, and running when the other's limit passes
    world.drain();

    EXPECT_EQ(all.at(0).by, ended_by::timeout);
    EXPECT_EQ(all.at(0).at, 10ms);
    EXPECT_TRUE(all.at(1).ok);
    EXPECT_EQ(all.at(1).at, 14ms);
    EXPECT_EQ(quick.cancelled(), 0U);
}

/// Makes calls wait for longer than they have.
class late_gate final : public gate
{
public:
    explicit late_gate(bool reserves) : reserves_(reserves) {}
    std::string_view name() const noexcept override { return "late"; }

    admission admit(visit const& v) override
    {
        ++promised;
        if (reserves_) return admission::reserved({}, v.now() + 1h);
        v.waiter->deadline = time_point::max();
        return admission::queued();
    }

    void settle(grant const&, verdict, visit const&) noexcept override {}
    void give_back(grant const&, visit const&) noexcept override { --promised; }
    bool withdraw(turn_waiter&, visit const&) noexcept override { return promised-- > 0; }

    int promised = 0;

private:
    bool reserves_;
};

TEST(a_limit, holds_whatever_a_gate_promises)
{
    for (auto const reserves : {true, false}) {
        simulation world;
        auto const late = std::make_shared<late_gate>(reserves);
        pipeline const p{timeout{{.limit = 10ms}}, std::shared_ptr<gate>(late)};
        scripted<int> op;
        op.returns(1);
        auto const end = world.run(p.run(op));
        EXPECT_EQ(end.ended_by(), ended_by::timeout);
        EXPECT_EQ(world.elapsed(), 10ms);
        EXPECT_EQ(op.started(), 0U);
        EXPECT_EQ(late->promised, 0) << "what was reserved, or the place, goes back";
        expect_nothing_left(world);
    }
}

TEST(a_refused_retry, costs_no_kind_of_budget_anything)
{
    std::vector<decltype(retry_budget_options::kind)> const kinds{
        success_bucket{.size = 1, .deposit = 0},
        ratio_window{.ttl = 1h, .min_per_second = 0, .ratio = 0},
        concurrency_share{.ratio = 0, .min_retries = 0},
        retry_cost{.capacity = 4, .retry = 3, .after_timeout = 4},
    };
    for (auto const& kind : kinds) {
        SCOPED_TRACE(kind.index());
        simulation world;
        retry_budget const budget{{.kind = kind}};
        pipeline const p{retry{retry_every(1ms, 9), budget}};
        scripted<int> op;
        op.fails(reset());
        (void)world.run(p.run(op)); // spends what there is
        auto const before = budget.snapshot(world.clock().now());
        for (auto i = 0; i < 5; ++i) {
            auto const end = world.run(p.run(op));
            EXPECT_EQ(end.attempts(), 1U);
            EXPECT_EQ(end.report().stopped, retry_stop::budget);
        }
        auto const after = budget.snapshot(world.clock().now());
        EXPECT_EQ(after.tokens_milli, before.tokens_milli);
        EXPECT_EQ(after.available, before.available);
        EXPECT_EQ(after.active_calls, 0U);
        EXPECT_EQ(after.active_retries, 0U);
    }
}

TEST(a_fallback_that_fails, leaves_the_cause_in_the_events)
{
    simulation world;
    auto const sink = std::make_shared<recorder>();
    pipeline const p{{.name = "p", .sink = sink},
                     fallback{[](failure const&) -> int { throw std::runtime_error("no replica either"); }}};
    scripted<int> op;
    op.fails(reset());
    auto const end = world.run(p.run(op));

    EXPECT_EQ(end.ended_by(), ended_by::fallback);
    EXPECT_THROW((void)end.value(), std::runtime_error);
    ASSERT_EQ(sink->lines().size(), 1U);
    EXPECT_NE(sink->lines()[0].find("event=fell_back"), std::string::npos);
    EXPECT_NE(sink->lines()[0].find("code=system:104"), std::string::npos) << sink->lines()[0];
}

asio::awaitable<int> fails_after_a_hop()
{
    auto const executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::deferred);
    throw boost::system::system_error(reset());
}

asio::awaitable<void> ask_often(pipeline p, std::shared_ptr<std::atomic<int>> answered)
{
    for (auto i = 0; i < 50; ++i) {
        auto const end = co_await p.run(fails_after_a_hop);
        if (end.ok() && end.value() == 7) ++*answered;
    }
}

TEST(policies_on_strands, of_two_threads_answer_every_call)
{
    auto const asked = std::make_shared<std::atomic<int>>(0);
    auto const answered = std::make_shared<std::atomic<int>>(0);
    pipeline const p{fallback{[asked](failure const&) {
        ++*asked;
        return 7;
    }}};
    asio::io_context context(2);
    for (auto i = 0; i < 8; ++i)
        asio::co_spawn(asio::make_strand(context), ask_often(p, answered), [](std::exception_ptr e) {
            if (e) std::rethrow_exception(e);
        });
    on_two_threads([&](unsigned) { context.run(); });
    EXPECT_EQ(*answered, 8 * 50);
    EXPECT_EQ(*asked, 8 * 50);
}

} // namespace
} // namespace keel
