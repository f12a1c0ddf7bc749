#include <keel/async/circuit_breaker.hpp>

#include <keel/testing/recorder.hpp>

#include "support/two_threads.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using keel::testing::recorder;
using lines = std::vector<std::string>;

constexpr time_point t0{1000s};

/// Opens at the first failure, for five seconds each time; three trials decide.
circuit_breaker_options one_strike()
{
    circuit_breaker_options o;
    o.name = "orders";
    o.window = consecutive_window{.failures = 1};
    o.open_for = 5s;
    o.open_multiplier = 1.0;
    o.half_open_permits = 3;
    return o;
}

void fail(circuit_breaker const& breaker, time_point now)
{
    breaker.try_acquire(now).settle(verdict::failure, now);
}
void succeed(circuit_breaker const& breaker, time_point now)
{
    breaker.try_acquire(now).settle(verdict::success, now);
}

/// Closed, open, half-open, open again, half-open, closed.
void live_a_life(circuit_breaker const& breaker)
{
    fail(breaker, t0);
    fail(breaker, t0 + 5s);
    for (auto i = 0; i < 3; ++i) succeed(breaker, t0 + 10s);
}

lines const a_life{"event=circuit_changed policy=orders from=closed to=open",
                   "event=circuit_changed policy=orders from=open to=half_open",
                   "event=circuit_changed policy=orders from=half_open to=open",
                   "event=circuit_changed policy=orders from=open to=half_open",
                   "event=circuit_changed policy=orders from=half_open to=closed"};

/// Asks from another thread, so that a lock that is held fails the test and does not hang it: the question
/// that went unanswered is let go later.
class interrogator
{
public:
    template <class Question>
    bool is_answered(Question question)
    {
        asked_.push_back(std::async(std::launch::async, std::move(question)));
        return asked_.back().wait_for(10s) == std::future_status::ready;
    }

private:
    std::vector<std::future<void>> asked_;
};

// Used from callback code

TEST(circuit_breaker_handle, goes_through_its_life_outside_any_pipeline)
{
    circuit_breaker const breaker(one_strike());
    succeed(breaker, t0);
    EXPECT_EQ(breaker.state(), circuit_state::closed);
    fail(breaker, t0);
    EXPECT_EQ(breaker.state(), circuit_state::open);
    EXPECT_EQ(breaker.snapshot(t0).opens_until, t0 + 5s);

    auto const refused = breaker.try_acquire(t0 + 4999ms);
    EXPECT_EQ(refused.error(), errc::circuit_open);
    EXPECT_EQ(refused.retry_at(), t0 + 5s);

    for (auto i = 0; i < 3; ++i) succeed(breaker, t0 + 5s);
    EXPECT_EQ(breaker.state(), circuit_state::closed);
}

TEST(circuit_breaker_handle, copies_are_the_same_breaker)
{
    circuit_breaker const breaker(one_strike());
    auto const copy = breaker;
    fail(copy, t0);
    EXPECT_EQ(breaker.state(), circuit_state::open);
    EXPECT_EQ(breaker.as_gate(), copy.as_gate());
    EXPECT_EQ(breaker.as_gate()->name(), "orders");
    EXPECT_FALSE(breaker.as_gate()->holds_capacity());
}

TEST(circuit_breaker_handle, options_out_of_range_are_refused)
{
    auto o = one_strike();
    o.half_open_permits = 0;
    o.open_for = 0s;
    try {
        circuit_breaker const breaker(o);
        FAIL() << "accepted";
    } catch (invalid_options const& e) {
        EXPECT_EQ(e.faults().list().size(), 2u) << e.what();
    }
}

TEST(circuit_breaker_handle, forced_open_it_refuses_until_forced_closed)
{
    circuit_breaker const breaker(one_strike());
    auto in_flight = breaker.try_acquire(t0);
    breaker.force_open(t0);
    EXPECT_EQ(breaker.try_acquire(t0 + 1h).error(), errc::circuit_forced_open);
    breaker.force_close(t0 + 1h);
    in_flight.settle(verdict::failure, t0 + 1h);
    EXPECT_EQ(breaker.state(), circuit_state::closed) << "a call from before is not counted any more";
    EXPECT_TRUE(breaker.try_acquire(t0 + 1h));
}

TEST(circuit_breaker_handle, reading_never_changes_the_state)
{
    circuit_breaker const breaker(one_strike());
    fail(breaker, t0);
    auto const before = breaker.snapshot(t0);
    for (auto const at : {t0, t0 + 5s, t0 + 1h, time_point::max(), time_point::min()}) {
        EXPECT_EQ(breaker.state(), circuit_state::open);
        EXPECT_EQ(breaker.snapshot(at).state, circuit_state::open);
        EXPECT_EQ(breaker.snapshot(at).generation, before.generation);
        EXPECT_EQ(breaker.snapshot(at).opens_until, before.opens_until);
    }
    (void)breaker.try_acquire(t0 + 5s);
    EXPECT_EQ(breaker.state(), circuit_state::half_open) << "asking for a permit does";
}

TEST(circuit_breaker_handle, a_predicate_narrows_what_counts_as_a_failure)
{
    auto o = one_strike();
    o.failure_if = [](failure const& f) { return f.code != errc::rate_limited; };
    auto const gate = circuit_breaker(o).as_gate();
    failure limited;
    limited.code = errc::rate_limited;
    EXPECT_EQ(gate->narrow(verdict::failure, limited), verdict::ignored);
    EXPECT_EQ(gate->narrow(verdict::throttled, limited), verdict::ignored);
    EXPECT_EQ(gate->narrow(verdict::failure, failure{}), verdict::failure);
    EXPECT_EQ(gate->narrow(verdict::throttled, failure{}), verdict::throttled);
    EXPECT_EQ(gate->narrow(verdict::success, limited), verdict::success);
    EXPECT_EQ(gate->narrow(verdict::ignored, limited), verdict::ignored);
}

TEST(circuit_breaker_handle, what_the_predicate_throws_comes_out)
{
    auto o = one_strike();
    o.failure_if = [](failure const&) -> bool { throw std::runtime_error("no opinion"); };
    auto const gate = circuit_breaker(o).as_gate();
    EXPECT_THROW((void)gate->narrow(verdict::failure, failure{}), std::runtime_error);
}

TEST(circuit_breaker_handle, open_for_ever_it_refuses_until_the_end_of_time)
{
    auto o = one_strike();
    o.open_for = duration::max();
    o.open_max.reset();
    circuit_breaker const breaker(o);
    fail(breaker, t0);
    EXPECT_EQ(breaker.try_acquire(t0 + 1h).error(), errc::circuit_open);
    EXPECT_EQ(breaker.try_acquire(t0 + 1h).retry_at(), time_point::max());
    EXPECT_TRUE(breaker.try_acquire(time_point::max()));
    EXPECT_EQ(breaker.state(), circuit_state::half_open);
}

// Successes that move nothing are left out: nobody may see it

TEST(circuit_breaker_handle, counts_successes_again_once_a_failure_is_in_the_window)
{
    auto o = one_strike();
    o.window = count_window{3};
    o.failure_ratio = 1.0;
    circuit_breaker const breaker(o);
    for (auto i = 0; i < 5; ++i) succeed(breaker, t0);
    fail(breaker, t0);
    for (auto i = 0; i < 2; ++i) succeed(breaker, t0);
    EXPECT_EQ(breaker.snapshot(t0).window.failed, 1u);
    succeed(breaker, t0);
    EXPECT_EQ(breaker.snapshot(t0).window, (policy::tally{3, 0, 0})) << "the failure is out of the window";
}

TEST(circuit_breaker_handle, a_success_ends_a_run_of_failures)
{
    auto o = one_strike();
    o.window = consecutive_window{2};
    circuit_breaker const breaker(o);
    for (auto i = 0; i < 9; ++i) (i % 2 == 0 ? succeed : fail)(breaker, t0);
    EXPECT_EQ(breaker.state(), circuit_state::closed);
    EXPECT_EQ(breaker.snapshot(t0).consecutive_failures, 0u);
    for (auto i = 0; i < 2; ++i) fail(breaker, t0);
    EXPECT_EQ(breaker.state(), circuit_state::open);
}

TEST(circuit_breaker_handle, counts_successes_that_are_slow)
{
    auto o = one_strike();
    o.window = count_window{2};
    o.slow_call = 1s;
    circuit_breaker const breaker(o);
    for (auto i = 0; i < 3; ++i) succeed(breaker, t0);
    breaker.try_acquire(t0).settle(verdict::success, t0 + 2s);
    EXPECT_EQ(breaker.snapshot(t0).window, (policy::tally{2, 0, 1}));
}

TEST(circuit_breaker_handle, after_force_close_the_window_fills_anew)
{
    auto o = one_strike();
    o.window = count_window{2};
    circuit_breaker const breaker(o);
    for (auto i = 0; i < 2; ++i) succeed(breaker, t0);
    auto late = breaker.try_acquire(t0);
    breaker.force_close(t0);
    late.settle(verdict::success, t0);
    EXPECT_EQ(breaker.snapshot(t0).window.total, 0u);
    succeed(breaker, t0);
    EXPECT_EQ(breaker.snapshot(t0).window.total, 1u);
}

TEST(circuit_breaker_handle, a_trial_that_succeeds_is_counted)
{
    circuit_breaker const breaker(one_strike());
    succeed(breaker, t0);
    fail(breaker, t0);
    succeed(breaker, t0 + 5s);
    EXPECT_EQ(breaker.snapshot(t0 + 5s).window, (policy::tally{1, 0, 0}));
}

TEST(circuit_breaker_handle, by_the_machines_clock_it_lives_the_same_life)
{
    auto o = one_strike();
    o.open_for = 1h;
    circuit_breaker const breaker(o);
    breaker.try_acquire().settle(verdict::failure);
    EXPECT_EQ(breaker.state(), circuit_state::open);
    auto const refused = breaker.try_acquire();
    EXPECT_EQ(refused.error(), errc::circuit_open);
    EXPECT_GT(refused.retry_at(), steady_now());
    EXPECT_LE(refused.retry_at(), steady_now() + 1h);
}

// Who is told

TEST(circuit_breaker_handle, tells_the_listener_of_each_transition_once)
{
    lines heard;
    auto o = one_strike();
    o.on_transition = [&](circuit_transition const& t) {
        heard.push_back(std::string(to_string(t.from)) + " to " + std::string(to_string(t.to)) + " at " +
                        to_string(t.at - t0));
    };
    live_a_life(circuit_breaker(o));
    EXPECT_EQ(heard, (lines{"closed to open at 0ns", "open to half_open at 5s", "half_open to open at 5s",
                            "open to half_open at 10s", "half_open to closed at 10s"}));
}

TEST(circuit_breaker_handle, tells_its_sink_of_each_transition_once)
{
    circuit_breaker const breaker(one_strike());
    auto const sink = std::make_shared<recorder>();
    breaker.observe(sink);
    live_a_life(breaker);
    EXPECT_EQ(sink->lines(), a_life);
}

TEST(circuit_breaker_handle, says_nothing_when_nothing_changes)
{
    circuit_breaker const breaker(one_strike());
    auto const sink = std::make_shared<recorder>();
    breaker.observe(sink);
    succeed(breaker, t0);
    EXPECT_TRUE(sink->lines().empty());
    breaker.force_open(t0);
    breaker.force_open(t0);
    EXPECT_EQ(sink->lines(), lines{"event=circuit_changed policy=orders from=closed to=forced_open"});
}

TEST(circuit_breaker_handle, tells_its_own_sink_of_a_reset_and_a_refusal)
{
    circuit_breaker const breaker(one_strike());
    auto const sink = std::make_shared<recorder>();
    breaker.observe(sink);
    breaker.force_close(t0);
    fail(breaker, t0);
    (void)breaker.try_acquire(t0);
    EXPECT_EQ(sink->lines(), (lines{"event=circuit_reset policy=orders",
                                    "event=circuit_changed policy=orders from=closed to=open",
                                    "event=rejected policy=orders error=\"the circuit breaker is open\" "
                                    "code=keel:2 retry_after=5s"}));
}

TEST(circuit_breaker_handle, its_own_sink_hears_instead_of_the_callers)
{
    circuit_breaker const breaker(one_strike());
    auto const gate = breaker.as_gate();
    recorder of_the_pipeline;
    auto const fail_for_the_pipeline = [&](time_point now) {
        moment at(now);
        call_origin const from{.pipeline = "payments", .observer = &of_the_pipeline};
        visit const v{.now = at, .from = from};
        auto const pass = gate->admit(v).pass;
        gate->settle(pass, verdict::failure, v);
    };
    fail_for_the_pipeline(t0);
    EXPECT_EQ(of_the_pipeline.lines(),
              lines{"event=circuit_changed pipeline=payments policy=orders from=closed to=open"});

    auto const own = std::make_shared<recorder>();
    breaker.observe(own);
    fail_for_the_pipeline(t0 + 5s);
    EXPECT_EQ(own->lines().size(), 2u);
    EXPECT_EQ(of_the_pipeline.lines().size(), 1u);

    breaker.observe(nullptr);
    fail_for_the_pipeline(t0 + 10s);
    EXPECT_EQ(own->lines().size(), 2u);
    EXPECT_EQ(of_the_pipeline.lines().size(), 3u);
}

TEST(circuit_breaker_handle, keeps_its_sink_alive_until_it_gets_another)
{
    circuit_breaker const breaker(one_strike());
    auto sink = std::make_shared<recorder>();
    auto const weak = std::weak_ptr(sink);
    breaker.observe(std::move(sink));
    EXPECT_FALSE(weak.expired());
    breaker.observe(nullptr);
    EXPECT_TRUE(weak.expired());
}

// Users' code runs outside the lock

TEST(circuit_breaker_handle, a_listener_may_question_and_use_the_breaker)
{
    interrogator other;
    std::function<void()> ask;
    auto asked = 0;
    auto o = one_strike();
    o.on_transition = [&](circuit_transition const&) { ask(); };
    circuit_breaker const breaker(o);
    ask = [&] {
        EXPECT_TRUE(other.is_answered([breaker] {
            (void)breaker.state();
            (void)breaker.snapshot(t0);
            (void)breaker.as_gate()->name();
        })) << "the breaker is locked while it tells";
        ++asked;
    };
    live_a_life(breaker);
    breaker.force_open(t0 + 20s);
    breaker.force_close(t0 + 20s);
    EXPECT_EQ(asked, 7);
}

TEST(circuit_breaker_handle, a_listener_may_change_the_state_itself)
{
    std::function<void(circuit_transition const&)> act;
    lines heard;
    auto o = one_strike();
    o.on_transition = [&](circuit_transition const& t) { act(t); };
    circuit_breaker const breaker(o);
    act = [&](circuit_transition const& t) {
        heard.emplace_back(to_string(t.to));
        if (t.to == circuit_state::open) breaker.force_close(t.at);
    };
    fail(breaker, t0);
    EXPECT_EQ(breaker.state(), circuit_state::closed);
    EXPECT_EQ(heard, (lines{"open", "closed"}));
}

TEST(circuit_breaker_handle, what_a_listener_throws_is_dropped)
{
    auto o = one_strike();
    auto told = 0;
    o.on_transition = [&](circuit_transition const&) {
        ++told;
        throw std::runtime_error("the pager is broken");
    };
    circuit_breaker const breaker(o);
    auto const sink = std::make_shared<recorder>();
    breaker.observe(sink);
    EXPECT_NO_THROW(live_a_life(breaker));
    EXPECT_EQ(told, 5);
    EXPECT_EQ(sink->lines(), a_life) << "the sink hears all the same";
}

/// Asks about the breaker when it hears of something, and when it goes away.
class curious_sink final : public telemetry::sink
{
public:
    explicit curious_sink(std::function<void()> ask) : ask_(std::move(ask)) {}
    ~curious_sink() override { ask_(); }

    void on(telemetry::event const&) override { ask_(); }

private:
    std::function<void()> ask_;
};

TEST(circuit_breaker_handle, a_sink_may_question_the_breaker_even_as_it_is_replaced)
{
    interrogator other;
    auto asked = 0;
    circuit_breaker const breaker(one_strike());
    auto const ask = [&] {
        EXPECT_TRUE(other.is_answered([&] { (void)breaker.state(); })) << "the breaker is locked";
        ++asked;
    };
    breaker.observe(std::make_shared<curious_sink>(ask));
    fail(breaker, t0);
    EXPECT_EQ(asked, 1);
    breaker.observe(nullptr);
    EXPECT_EQ(asked, 2);
}

// Several threads

/// Counts events; for several threads.
class counter final : public telemetry::sink
{
public:
    void on(telemetry::event const& e) override
    {
        if (std::holds_alternative<telemetry::circuit_changed>(e)) ++changes;
    }

    std::atomic<std::uint64_t> changes{0};
};

TEST(circuit_breaker_handle, two_threads_never_hold_more_trials_than_allowed)
{
    circuit_breaker const breaker(one_strike());
    fail(breaker, t0);
    auto const now = t0 + 5s;
    std::atomic<int> out{0};
    std::atomic<int> most{0};
    on_two_threads([&](unsigned) {
        for (auto round = 0; round < 1000; ++round) {
            std::vector<permit> trials;
            for (auto i = 0; i < 4; ++i) {
                trials.push_back(breaker.try_acquire(now));
                if (!trials.back()) continue;
                auto const held = ++out;
                for (auto seen = most.load(); held > seen && !most.compare_exchange_weak(seen, held);) {}
            }
            for (auto& trial : trials)
                if (trial) --out;
        }
    });
    EXPECT_LE(most.load(), 3);
    EXPECT_EQ(breaker.snapshot(now).trials_in_flight, 0u);
    EXPECT_EQ(breaker.state(), circuit_state::half_open);
    for (auto i = 0; i < 3; ++i) succeed(breaker, now);
    EXPECT_EQ(breaker.state(), circuit_state::closed) << "every trial permit has come home";
}

/// One thread succeeds all the time, the other fails now and then and looks whether that was counted:
/// whatever the first leaves out, a failure that has ended is in the window until three successes after it.
TEST(circuit_breaker_handle, a_failure_is_never_lost_among_successes_of_another_thread)
{
    auto o = one_strike();
    o.window = count_window{3};
    o.failure_ratio = 1.0;
    circuit_breaker const breaker(o);
    std::atomic<bool> over{false};
    std::atomic<std::uint64_t> succeeded{0};
    on_two_threads([&](unsigned thread) {
        if (thread == 0) {
            while (!over) {
                succeed(breaker, t0);
                ++succeeded;
            }
            return;
        }
        for (auto round = 0; round < 2000; ++round) {
            auto const before = succeeded.load();
            fail(breaker, t0);
            auto const seen = breaker.snapshot(t0).window.failed;
            auto const since = succeeded.load() - before;
            if (since < 2) { // and one more that is not told yet
                EXPECT_GE(seen, 1u) << "in round " << round;
            }
            succeed(breaker, t0); // so that failures alone never fill the window
        }
        over = true;
    });
    EXPECT_EQ(breaker.state(), circuit_state::closed);
    for (auto i = 0; i < 3; ++i) succeed(breaker, t0);
    EXPECT_EQ(breaker.snapshot(t0).window, (policy::tally{3, 0, 0}));
    for (auto i = 0; i < 3; ++i) fail(breaker, t0);
    EXPECT_EQ(breaker.state(), circuit_state::open);
}

TEST(circuit_breaker_handle, two_threads_get_one_event_per_transition)
{
    auto o = one_strike();
    std::atomic<std::uint64_t> told{0};
    o.on_transition = [&](circuit_transition const& t) {
        if (t.from != t.to) ++told;
    };
    circuit_breaker const breaker(o);
    auto const sink = std::make_shared<counter>();
    breaker.observe(sink);
    on_two_threads([&](unsigned thread) {
        for (auto round = 0; round < 2000; ++round) {
            auto const now = t0 + round * 1s;
            auto pass = breaker.try_acquire(now);
            (void)breaker.snapshot(now);
            pass.settle((round + static_cast<int>(thread)) % 5 == 0 ? verdict::failure : verdict::success,
                        now);
        }
    });
    EXPECT_EQ(sink->changes, breaker.snapshot(t0).generation - 1);
    EXPECT_EQ(told, sink->changes);
    EXPECT_GT(told, 0u);
}

} // namespace
