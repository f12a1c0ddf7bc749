// A call that meets nothing on its way is only a passage. Nobody can tell: the same calls, with and without
// something in the pipeline that asks for more, end in the same way and leave the same behind.

#include "support/world.hpp"

#include <keel/co_spawn.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace {

using namespace keel;

struct end
{
    std::string why;
    bool ok = false;
    int value = 0;
    error_code error{};
    bool threw = false;
    std::optional<time_point> retry_at{};
    std::uint32_t attempts = 0;
    keel::ended_by by{};
    keel::verdict verdict{};
    retry_stop stopped{};
    std::string policy;
    duration at{};

    friend bool operator==(end const&, end const&) = default;
    friend std::ostream& operator<<(std::ostream& out, end const& e)
    {
        return out << e.why << " [" << e.policy << ", " << to_string(e.stopped) << ", after " << e.at.count()
                   << " ns]";
    }
};

asio::awaitable<end> call(pipeline p, scripted<int> op, simulation* world)
{
    auto const o = co_await p.run(op);
    auto const& report = o.report();
    co_return end{o.why(),
                  o.ok(),
                  o.has_value() ? o.value() : 0,
                  o.error(),
                  o.exception() != nullptr,
                  o.retry_at(),
                  o.attempts(),
                  o.ended_by(),
                  report.verdict,
                  report.stopped,
                  std::string(report.policy),
                  world->elapsed()};
}

asio::awaitable<std::vector<end>> call_often(pipeline p, scripted<int> op, simulation* world, int calls)
{
    std::vector<end> all;
    for (; calls > 0; --calls) all.push_back(co_await call(p, op, world));
    co_return all;
}

struct way
{
    bool in_scope;
    bool is_whole;
};

/// What a policy looks like from outside, as one text.
std::string seen(circuit_breaker const& b, bulkhead const& h, rate_limiter const& r, retry const& again,
                 time_point now)
{
    auto const circuit = b.snapshot(now);
    return std::string(to_string(circuit.state)) + ", calls " + std::to_string(circuit.window.total) +
           ", failures " + std::to_string(circuit.consecutive_failures) + ", running " +
           std::to_string(h.snapshot().running) + ", permits " + std::to_string(r.snapshot(now).available) +
           ", budget " + std::to_string(again.budget()->snapshot(now).tokens_milli);
}

/// A judge of a type that no operation returns: it changes nothing, but a passage does not know it.
classifier of_nothing()
{
    return classifier([](std::string const&) { return verdict::success; });
}

struct story
{
    std::vector<end> ends;
    std::string left;
};

/// Four calls, one after the other, of an operation that does what the script says.
story told(way how, std::function<void(scripted<int>&)> const& script, bool retry_is_outside = true)
{
    simulation world;
    circuit_breaker const breaker{trips_after(3, 10s)};
    bulkhead const room{{.max_concurrent = 2}};
    rate_limiter const rate{{.permits = 1, .per = 1s, .burst = 7}};
    retry const again(retry_every(20ms, 2));
    timeout const limit{{.limit = 100ms}};
    pipeline const inner{breaker, limit, room, rate};
    pipeline const outer = retry_is_outside ? pipeline{again, inner} : pipeline{inner, again};
    pipeline const p = how.is_whole ? pipeline{of_nothing(), outer} : outer;
    scripted<int> op;
    script(op);

    auto work = call_often(p, op, &world, 4);
    story s;
    if (how.in_scope)
        keel::co_spawn(world.context(), std::move(work),
                       [&](std::exception_ptr, std::vector<end> all) { s.ends = std::move(all); });
    else
        s.ends = world.run(std::move(work));
    expect_nothing_left(world);
    s.left = seen(breaker, room, rate, again, world.clock().now()) + ", runs " + std::to_string(op.started());
    return s;
}

struct script
{
    char const* name;
    std::function<void(scripted<int>&)> write;
};

std::vector<script> scripts()
{
    return {
        {"values", [](auto& op) { op.returns(1).returns(2).returns(3); }},
        {"slow values", [](auto& op) { op.takes(5ms).returns(1).takes(50ms).returns(2); }},
        {"an error, then values", [](auto& op) { op.fails(reset()).returns(1); }},
        {"errors", [](auto& op) { op.fails(reset()); }},
        {"slow errors", [](auto& op) { op.takes(5ms).fails(reset()); }},
        {"an exception without a code", [](auto& op) { op.throws(std::logic_error("no")); }},
        {"never ends", [](auto& op) { op.hangs(); }},
        {"never ends once", [](auto& op) { op.hangs().takes(1ms).returns(1); }},
        {"ends late all the same", [](auto& op) { op.takes(120ms).ignoring_cancellation().returns(1); }},
        {"ends with the limit", [](auto& op) { op.takes(100ms).returns(1); }},
        {"a value once the circuit is open", [](auto& op) { op.fails(reset()).fails(reset()).hangs(); }},
    };
}

TEST(a_passage, ends_as_a_call_does)
{
    for (auto const retry_is_outside : {true, false})
        for (auto const& s : scripts())
            for (auto const in_scope : {true, false}) {
                SCOPED_TRACE(std::string(s.name) + (in_scope ? ", in a scope" : ", in none") +
                             (retry_is_outside ? ", retry outside" : ", retry inside"));
                auto const quick = told({in_scope, false}, s.write, retry_is_outside);
                auto const whole = told({in_scope, true}, s.write, retry_is_outside);
                EXPECT_EQ(quick.ends, whole.ends);
                EXPECT_EQ(quick.left, whole.left);
                EXPECT_EQ(quick.ends.size(), 4u);
            }
}

/// Says how it was asked, and what it heard.
class attentive final : public gate
{
public:
    explicit attentive(bool knows_at_once) : knows_at_once_(knows_at_once) {}

    std::string_view name() const noexcept override { return "attentive"; }
    admission admit(visit const&) override
    {
        said += "admit ";
        return admission::granted({7, {}, 1});
    }
    bool admit_at_once(visit const& v, grant& pass) noexcept override
    {
        said += "at once ";
        if (!knows_at_once_) return false;
        pass = {8, {}, v.weight};
        return true;
    }
    void settle(grant const& pass, verdict v, visit const&) noexcept override
    {
        said += std::to_string(pass.generation) + ' ' + std::string(to_string(v)) + ' ';
    }

    std::string said;

private:
    bool const knows_at_once_;
};

/// What a gate was asked by a call that came through, and what it heard.
std::string said_by(std::shared_ptr<attentive> const& g)
{
    simulation world;
    scripted<int> op;
    op.returns(1);
    pipeline const p{g};
    EXPECT_TRUE(world.run(p.run(op)).ok());
    return g->said;
}

TEST(a_passage, asks_a_gate_no_more_when_it_lets_in_at_once)
{
    EXPECT_EQ(said_by(std::make_shared<attentive>(true)), "at once 8 success ");
}

TEST(a_passage, leaves_what_is_no_matter_of_course_to_the_call)
{
    EXPECT_EQ(said_by(std::make_shared<attentive>(false)), "at once admit 7 success ");
}

TEST(a_passage, gives_back_what_it_holds_when_a_gate_further_in_refuses)
{
    simulation world;
    auto const g = std::make_shared<attentive>(true);
    circuit_breaker const breaker;
    breaker.force_open(time_point{});
    pipeline const p{g, breaker};
    scripted<int> op;
    auto const refused = world.run(p.run(op));
    EXPECT_EQ(refused.error(), errc::circuit_forced_open);
    EXPECT_EQ(std::string(refused.report().policy), "circuit_breaker");
    EXPECT_EQ(g->said, "at once 8 ignored ");
}

TEST(a_passage, gives_back_what_it_holds_when_its_context_dies)
{
    simulation world;
    auto const g = std::make_shared<attentive>(true);
    pipeline const p{g, timeout{{.limit = 1s}}};
    scripted<int> op;
    op.hangs();
    keel::co_spawn(world.context(), call(p, op, &world), [](std::exception_ptr, end const&) {});
    world.advance(10ms);
    world.destroy();
    EXPECT_EQ(g->said, "at once 8 ignored ");
}

} // namespace
