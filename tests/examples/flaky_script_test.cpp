#include "script.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace flaky;
using namespace std::chrono_literals;
using kind = verdict::kind;

/// Any moment will do: only differences count.
constexpr time_point t0{1000s};

constexpr verdict answer(unsigned status, time_point at) { return {kind::answer, status, at, false}; }

constexpr verdict outage_answer(time_point at) { return {kind::answer, 503, at, true}; }

settings with_outage(outage_mode mode)
{
    settings s;
    s.outage = outage_window{2s, 4s};
    s.mode = mode;
    return s;
}

/// What the next `n` requests, all arriving at `at`, become.
std::vector<kind> kinds(script& s, int n, time_point at = t0)
{
    std::vector<kind> seen;
    for (int i = 0; i < n; ++i) seen.push_back(s.next(at).what);
    return seen;
}

/// When the next `n` requests, all arriving at `at`, are answered, counted from `t0`.
std::vector<duration> answer_times(script& s, int n, time_point at = t0)
{
    std::vector<duration> seen;
    for (int i = 0; i < n; ++i) seen.push_back(s.next(at).at - t0);
    return seen;
}

// What a healthy server does

TEST(FlakyScript, AnswersAtOnceWith200ByDefault)
{
    script s{settings{}};
    EXPECT_EQ(s.next(t0), answer(200, t0));
    EXPECT_EQ(s.next(t0 + 5s), answer(200, t0 + 5s));
}

TEST(FlakyScript, CyclesThroughTheStatuses)
{
    settings wanted;
    wanted.statuses = {200, 201, 503};
    script s{wanted};
    for (unsigned const status : {200u, 201u, 503u, 200u, 201u, 503u, 200u})
        EXPECT_EQ(s.next(t0).status, status);
}

TEST(FlakyScript, DelaysEveryAnswer)
{
    settings wanted;
    wanted.delay = 250ms;
    script s{wanted};
    EXPECT_EQ(s.next(t0), answer(200, t0 + 250ms));
    EXPECT_EQ(s.next(t0), answer(200, t0 + 250ms));
}

TEST(FlakyScript, AnEndlessWaitDoesNotWrapAround)
{
    settings wanted;
    wanted.delay = 24h;
    script s{wanted};
    EXPECT_EQ(s.next(time_point::max() - 1h).at, time_point::max());
}

// Every n-th request

TEST(FlakyScript, HangsEveryNthRequest)
{
    settings wanted;
    wanted.hang_every = 3;
    script s{wanted};
    EXPECT_EQ(kinds(s, 6), (std::vector{kind::answer, kind::answer, kind::hang, //
                                        kind::answer, kind::answer, kind::hang}));
}

TEST(FlakyScript, AHangingRequestHasNoEndAndTakesNoWorker)
{
    settings wanted;
    wanted.hang_every = 2;
    wanted.capacity = 1;
    wanted.service_time = 1s;
    script s{wanted};
    EXPECT_EQ(s.next(t0), answer(200, t0 + 1s));
    EXPECT_EQ(s.next(t0), (verdict{kind::hang, 200, time_point::max(), false}));
    EXPECT_EQ(s.next(t0), answer(200, t0 + 2s));
}

TEST(FlakyScript, ResetsEveryNthRequest)
{
    settings wanted;
    wanted.reset_every = 2;
    script s{wanted};
    EXPECT_EQ(kinds(s, 4), (std::vector{kind::answer, kind::reset, kind::answer, kind::reset}));
}

TEST(FlakyScript, AResetComesWhenTheAnswerWouldHave)
{
    settings wanted;
    wanted.reset_every = 1;
    wanted.capacity = 1;
    wanted.service_time = 1s;
    wanted.delay = 100ms;
    script s{wanted};
    EXPECT_EQ(s.next(t0), (verdict{kind::reset, 200, t0 + 1100ms, false}));
    EXPECT_EQ(s.next(t0), (verdict{kind::reset, 200, t0 + 2100ms, false}));
}

TEST(FlakyScript, HangingWinsOverResetting)
{
    settings wanted;
    wanted.hang_every = 4;
    wanted.reset_every = 2;
    script s{wanted};
    EXPECT_EQ(kinds(s, 4), (std::vector{kind::answer, kind::reset, kind::answer, kind::hang}));
}

TEST(FlakyScript, AFaultUsesUpTheTurnInTheCycle)
{
    settings wanted;
    wanted.statuses = {200, 404, 503};
    wanted.hang_every = 2;
    script s{wanted};
    EXPECT_EQ(s.next(t0).status, 200u);
    EXPECT_EQ(s.next(t0).what, kind::hang);
    EXPECT_EQ(s.next(t0).status, 503u);
}

// Capacity

TEST(FlakyScript, WithoutLimitEveryRequestHasItsOwnWorker)
{
    settings wanted;
    wanted.service_time = 1s;
    script s{wanted};
    EXPECT_EQ(answer_times(s, 3), (std::vector<duration>{1s, 1s, 1s}));
}

TEST(FlakyScript, BeyondCapacityRequestsWaitTheirTurn)
{
    settings wanted;
    wanted.capacity = 2;
    wanted.service_time = 1s;
    script s{wanted};
    EXPECT_EQ(answer_times(s, 5), (std::vector<duration>{1s, 1s, 2s, 2s, 3s}));
}

TEST(FlakyScript, AWorkerIsFreeFromTheMomentItIsDone)
{
    settings wanted;
    wanted.capacity = 1;
    wanted.service_time = 1s;
    script s{wanted};
    EXPECT_EQ(s.next(t0).at, t0 + 1s);
    EXPECT_EQ(s.next(t0 + 999ms).at, t0 + 2s);
    EXPECT_EQ(s.next(t0 + 2s).at, t0 + 3s);
    EXPECT_EQ(s.next(t0 + 10s).at, t0 + 11s) << "an idle worker must not start in the past";
}

TEST(FlakyScript, TheDelayTakesNoWorker)
{
    settings wanted;
    wanted.capacity = 1;
    wanted.service_time = 1s;
    wanted.delay = 10s;
    script s{wanted};
    EXPECT_EQ(answer_times(s, 2), (std::vector<duration>{11s, 12s}));
}

TEST(WorkerPool, TheNextRequestGoesToWhoeverIsFreeFirst)
{
    worker_pool pool{2};
    EXPECT_EQ(pool.finish(t0, 10s), t0 + 10s);
    EXPECT_EQ(pool.finish(t0, 1s), t0 + 1s);
    EXPECT_EQ(pool.finish(t0, 1s), t0 + 2s);
    EXPECT_EQ(pool.finish(t0 + 3s, 1s), t0 + 4s);
    EXPECT_EQ(pool.finish(t0 + 3s, 8s), t0 + 12s);
    EXPECT_EQ(pool.finish(t0 + 3s, 1s), t0 + 11s);
}

// Outage

TEST(FlakyScript, AnOutageIncludesItsStartAndExcludesItsEnd)
{
    script s{with_outage(outage_mode::status)};
    EXPECT_EQ(s.next(t0), answer(200, t0));
    EXPECT_EQ(s.next(t0 + 2s - 1ns), answer(200, t0 + 2s - 1ns));
    EXPECT_EQ(s.next(t0 + 2s), outage_answer(t0 + 2s));
    EXPECT_EQ(s.next(t0 + 6s - 1ns), outage_answer(t0 + 6s - 1ns));
    EXPECT_EQ(s.next(t0 + 6s), answer(200, t0 + 6s));
}

TEST(FlakyScript, AnOutageFromZeroMeetsTheFirstRequest)
{
    settings wanted;
    wanted.outage = outage_window{0s, 1s};
    script s{wanted};
    EXPECT_TRUE(s.next(t0).in_outage);
    EXPECT_FALSE(s.next(t0 + 1s).in_outage);
}

TEST(FlakyScript, TheOutageClockStartsWithTheFirstRequest)
{
    script s{with_outage(outage_mode::status)};
    EXPECT_FALSE(s.next(t0 + 3s).in_outage);
    EXPECT_TRUE(s.next(t0 + 5s).in_outage);
}

TEST(FlakyScript, AHangingOutageHangs)
{
    script s{with_outage(outage_mode::hang)};
    s.next(t0);
    EXPECT_EQ(s.next(t0 + 2s), (verdict{kind::hang, 503, time_point::max(), true}));
}

TEST(FlakyScript, AResettingOutageResetsAtOnce)
{
    script s{with_outage(outage_mode::reset)};
    s.next(t0);
    EXPECT_EQ(s.next(t0 + 2s), (verdict{kind::reset, 503, t0 + 2s, true}));
}

TEST(FlakyScript, ASlowOutageKeepsWorkersBusyBeyondItsEnd)
{
    auto wanted = with_outage(outage_mode::slow);
    wanted.outage_delay = 3s;
    wanted.capacity = 1;
    wanted.service_time = 100ms;
    script s{wanted};
    s.next(t0);
    EXPECT_EQ(s.next(t0 + 2s), outage_answer(t0 + 5s));
    EXPECT_EQ(s.next(t0 + 2s), outage_answer(t0 + 8s));
    EXPECT_EQ(s.next(t0 + 6s), answer(200, t0 + 8100ms));
}

TEST(FlakyScript, ASlowOutageWithoutLimitOnlyTakesItsDelay)
{
    script s{with_outage(outage_mode::slow)};
    s.next(t0);
    EXPECT_EQ(s.next(t0 + 2s), outage_answer(t0 + 3s));
    EXPECT_EQ(s.next(t0 + 2s), outage_answer(t0 + 3s));
}

TEST(FlakyScript, AnOutageWinsOverAllOtherFaults)
{
    auto wanted = with_outage(outage_mode::status);
    wanted.hang_every = 2;
    wanted.reset_every = 1;
    wanted.delay = 1s;
    wanted.capacity = 1;
    wanted.service_time = 1s;
    script s{wanted};
    s.next(t0);
    EXPECT_EQ(s.next(t0 + 2s), outage_answer(t0 + 2s));
    EXPECT_EQ(s.next(t0 + 2s), outage_answer(t0 + 2s));
}

TEST(FlakyScript, RequestsOfTheOutageCountForTheCycleAndTheNthRequest)
{
    auto wanted = with_outage(outage_mode::status);
    wanted.statuses = {200, 201, 202, 203};
    wanted.hang_every = 4;
    script s{wanted};
    s.next(t0);
    s.next(t0 + 2s);
    EXPECT_EQ(s.next(t0 + 6s).status, 202u);
    EXPECT_EQ(s.next(t0 + 6s).what, kind::hang);
}

// Restart

TEST(FlakyScript, RestartBeginsTheScriptAnew)
{
    auto wanted = with_outage(outage_mode::status);
    wanted.statuses = {200, 201};
    wanted.hang_every = 3;
    wanted.capacity = 1;
    wanted.service_time = 10s;
    script s{wanted};
    EXPECT_EQ(s.next(t0), answer(200, t0 + 10s));

    s.restart();
    EXPECT_EQ(s.next(t0 + 3s), answer(200, t0 + 13s)) << "first again: status, worker and outage clock";
    EXPECT_TRUE(s.next(t0 + 5s).in_outage);
    EXPECT_EQ(s.next(t0 + 9s).what, kind::hang);
}

// Option values

TEST(FlakyParse, Outages)
{
    auto const window = parse_outage("2s+4.5s");
    ASSERT_TRUE(window);
    EXPECT_EQ(window->start, 2s);
    EXPECT_EQ(window->length, 4500ms);
    EXPECT_TRUE(parse_outage("0s+1us"));
}

TEST(FlakyParse, BadOutages)
{
    for (auto const* text :
         {"", "+", "2s", "2s+", "+4s", "2s+0s", "2s-4s", "2s + 4s", "2s+4s+1s", "2+4", "2s,4s"})
        EXPECT_FALSE(parse_outage(text)) << '"' << text << '"';
}

TEST(FlakyParse, OutageModes)
{
    EXPECT_EQ(parse_outage_mode("status"), outage_mode::status);
    EXPECT_EQ(parse_outage_mode("hang"), outage_mode::hang);
    EXPECT_EQ(parse_outage_mode("reset"), outage_mode::reset);
    EXPECT_EQ(parse_outage_mode("slow"), outage_mode::slow);
    for (auto const* text : {"", "Slow", "slow ", "hangs", "0"})
        EXPECT_EQ(parse_outage_mode(text), std::nullopt);
}

TEST(FlakyParse, Statuses)
{
    EXPECT_EQ(parse_statuses("200"), (std::vector<unsigned>{200}));
    EXPECT_EQ(parse_statuses("200,200,503"), (std::vector<unsigned>{200, 200, 503}));
    EXPECT_EQ(parse_statuses("599"), (std::vector<unsigned>{599}));
}

TEST(FlakyParse, BadStatuses)
{
    for (auto const* text : {"", ",", "200,", ",200", "200,,503", "200, 503", "199", "100", "600", "-200",
                             "2OO", "200;503", "99999999999999999999"})
        EXPECT_EQ(parse_statuses(text), std::nullopt) << '"' << text << '"';
}

TEST(FlakyParse, StatusesAreLimitedInNumber)
{
    std::string text = "200";
    for (std::size_t i = 1; i < most_statuses; ++i) text += ",200";
    EXPECT_TRUE(parse_statuses(text));
    EXPECT_FALSE(parse_statuses(text + ",200"));
}

} // namespace
