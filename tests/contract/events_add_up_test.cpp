// What outcomes and snapshots say, and the sum of the events: they must agree.

#include "contract/doorkeeper.hpp"
#include "contract/subjects.hpp"
#include "support/calls.hpp"

#include <algorithm>

namespace keel::tests {
namespace {

/// Calls, one after the other, of which every third fails at first and every fifth to the last.
class ledger
{
public:
    template <class Part>
    explicit ledger(simulation& world, Part const& part)
        : world_(&world),
          p_({.name = "ledger", .sink = sink_}, part)
    {}

    void run(int calls)
    {
        for (auto i = 0; i < calls; ++i) {
            scripted<int> op;
            if (i % 5 == 4)
                op.takes(2ms).fails(reset());
            else if (i % 3 == 2)
                op.fails(reset()).takes(9ms).returns(i);
            else
                op.takes(1ms).returns(i);
            note(op);
        }
    }

    void note(scripted<int> const& op)
    {
        auto const end = world_->run(p_.run(op));
        reports_.push_back(end.report());
        good_ += end.ok() ? 1U : 0U;
        started_ += op.started();
    }

    std::size_t events(std::string_view kind) const { return sink_->count(kind); }
    std::size_t ended_by(keel::ended_by who) const
    {
        return static_cast<std::size_t>(std::count_if(reports_.begin(), reports_.end(),
                                                      [&](auto const& r) { return r.ended_by == who; }));
    }
    std::size_t repeated() const
    {
        std::size_t sum = 0;
        for (auto const& r : reports_) sum += r.attempts > 0 ? r.attempts - 1U : 0U;
        return sum;
    }
    std::size_t calls() const { return reports_.size(); }
    std::size_t good() const { return good_; }
    std::size_t started() const { return started_; }

private:
    simulation* world_;
    std::shared_ptr<recorder> sink_ = std::make_shared<recorder>();
    pipeline p_;
    std::vector<call_report> reports_;
    std::size_t good_ = 0;
    std::size_t started_ = 0;
};

TEST(events_add_up, of_a_timeout)
{
    simulation world;
    ledger all(world, timeout{{.limit = 1500us}});
    all.run(30);
    EXPECT_GT(all.ended_by(ended_by::timeout), 0U);
    EXPECT_EQ(all.events("timed_out"), all.ended_by(ended_by::timeout));
}

TEST(events_add_up, of_a_retry)
{
    simulation world;
    ledger all(world, retry{retry_every(1ms, 3), no_retry_budget});
    all.run(30);
    EXPECT_GT(all.repeated(), 0U);
    EXPECT_EQ(all.events("retry_scheduled"), all.repeated());
    EXPECT_EQ(all.events("retry_stopped"), all.calls() - all.good());
}

TEST(events_add_up, of_a_retry_budget)
{
    simulation world;
    retry_budget const budget{{.kind = success_bucket{.size = 5, .deposit = 0.1}}};
    ledger all(world, retry{retry_every(1ms, 3), budget});
    for (auto i = 0; i < 8; ++i) {
        scripted<int> op;
        op.fails(reset());
        all.note(op);
    }
    EXPECT_EQ(all.events("retry_scheduled"), 5U) << "as many as there were tokens";
    EXPECT_EQ(all.repeated(), 5U);
    EXPECT_EQ(budget.snapshot(world.clock().now()).tokens_milli, 0U);
    for (auto i = 0; i < 7; ++i) {
        scripted<int> op;
        op.returns(1);
        all.note(op);
    }
    EXPECT_EQ(budget.snapshot(world.clock().now()).tokens_milli, 700U);
    EXPECT_EQ(budget.snapshot(world.clock().now()).active_calls, 0U);
}

TEST(events_add_up, of_a_circuit_breaker)
{
    simulation world;
    circuit_breaker const breaker{trips_after(2)};
    ledger all(world, breaker);
    scripted<int> bad;
    bad.fails(reset());
    for (auto round = 0; round < 3; ++round) {
        for (auto i = 0; i < 4; ++i) all.note(bad);
        world.advance(10s);
    }
    auto const now = breaker.snapshot(world.clock().now());
    EXPECT_EQ(all.events("circuit_changed"), now.generation - 1);
    EXPECT_EQ(all.events("rejected"), all.ended_by(ended_by::rejection));
    EXPECT_EQ(all.calls(), all.ended_by(ended_by::rejection) + all.ended_by(ended_by::operation));
    EXPECT_GT(all.ended_by(ended_by::rejection), 0U);
}

TEST(events_add_up, of_a_bulkhead)
{
    simulation world;
    bulkhead const rooms{{.max_concurrent = 1}};
    ledger all(world, rooms);
    all.run(5);
    {
        auto const guest = rooms.try_acquire(world.clock().now());
        all.run(4);
        EXPECT_EQ(rooms.snapshot().running, 1U);
    }
    all.run(5);
    EXPECT_EQ(all.ended_by(ended_by::rejection), 4U);
    EXPECT_EQ(all.events("rejected"), 4U);
    EXPECT_EQ(all.started(), 10U);
    EXPECT_EQ(rooms.snapshot().running, 0U);
}

TEST(events_add_up, of_a_rate_limiter)
{
    simulation world;
    rate_limiter const limiter{{.permits = 8, .per = 1h}};
    ledger all(world, limiter);
    all.run(6);
    EXPECT_EQ(limiter.snapshot(world.clock().now()).available, 2);
    all.run(6);
    EXPECT_EQ(all.started(), 8U);
    EXPECT_EQ(all.ended_by(ended_by::rejection), 4U);
    EXPECT_EQ(all.events("rejected"), 4U);
    EXPECT_EQ(limiter.snapshot(world.clock().now()).available, 0);
}

TEST(events_add_up, of_a_fallback)
{
    simulation world;
    ledger all(world, fallback{-1});
    all.run(30);
    EXPECT_GT(all.ended_by(ended_by::fallback), 0U);
    EXPECT_EQ(all.events("fell_back"), all.ended_by(ended_by::fallback));
    EXPECT_EQ(all.good(), all.calls());
}

TEST(events_add_up, of_a_users_gate)
{
    simulation world;
    auto const door = std::make_shared<doorkeeper>(2, 0, testing::surroundings(world));
    ledger all(world, std::shared_ptr<gate>(door));
    all.run(15);
    auto const failed = all.calls() - all.good();
    EXPECT_GT(failed, 0U);
    EXPECT_EQ(door->memory(), std::to_string(failed) + " complaints");
    door->close();
    all.run(5);
    EXPECT_EQ(all.ended_by(ended_by::rejection), 5U);
    EXPECT_EQ(all.events("rejected"), 5U);
    EXPECT_EQ(door->memory(), std::to_string(failed) + " complaints");
    EXPECT_EQ(door->in_use(), 0U);
}

TEST(events_add_up, of_a_users_loop)
{
    simulation world;
    testing::surroundings const around(world);
    for (auto const& f : forms()) {
        if (f.policy != "user loop") continue;
        ledger all(world, std::get<std::shared_ptr<loop const>>(f.make(around).policy));
        all.run(30);
        EXPECT_GT(all.repeated(), 0U);
        EXPECT_EQ(all.events("retry_scheduled"), all.repeated());
    }
}

} // namespace
} // namespace keel::tests
