#include <keel/testing/recorder.hpp>

#include <keel/telemetry/line.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace keel::telemetry;
using namespace std::chrono_literals;
using keel::errc;
using keel::testing::recorder;
using lines = std::vector<std::string>;

constexpr origin by{"payments", "retry", keel::time_point{}};

TEST(recorder, keeps_each_event_as_its_line_in_order)
{
    recorder r;
    EXPECT_TRUE(r.lines().empty());
    event const first = timed_out{by, 2s, "ended"};
    event const second = fell_back{by, errc::timed_out};
    emit(&r, first);
    emit(&r, second);
    EXPECT_EQ(r.lines(), (lines{to_line(first), to_line(second)}));
}

TEST(recorder, keeps_a_line_after_what_it_was_made_from_is_gone)
{
    recorder r;
    {
        std::string name = "a name that is longer than a string holds in itself";
        r.on(orphan_ended{{name, {}, {}}});
        name.assign(name.size(), 'x');
    }
    EXPECT_EQ(r.lines(),
              lines{"event=orphan_ended pipeline=\"a name that is longer than a string holds in itself\""});
}

TEST(recorder, counts_events_of_a_kind)
{
    recorder r;
    r.on(timed_out{by, 1s, "ended"});
    r.on(rejected{by, errc::circuit_open, {}});
    r.on(timed_out{by, 2s, "ended"});
    EXPECT_EQ(r.count("timed_out"), 2u);
    EXPECT_EQ(r.count("rejected"), 1u);
    EXPECT_EQ(r.count("fell_back"), 0u);
}

TEST(recorder, counts_events_that_say_nothing_but_their_kind)
{
    recorder r;
    r.on(orphan_ended{});
    r.on(fell_back{});
    r.on(orphan_ended{by});
    EXPECT_EQ(r.count("orphan_ended"), 2u);
    EXPECT_EQ(r.count("fell_back"), 1u);
}

TEST(recorder, counts_whole_names_only_and_only_the_kind)
{
    recorder r;
    r.on(orphan_ended{{"event=rejected ", "rejected", {}}});
    r.on(timed_out{by, 1s, "ended"});
    EXPECT_EQ(r.count("timed"), 0u);
    EXPECT_EQ(r.count("out"), 0u);
    EXPECT_EQ(r.count(""), 0u);
    EXPECT_EQ(r.count("rejected"), 0u);
}

TEST(recorder, can_be_cleared)
{
    recorder r;
    r.on(orphan_ended{by});
    r.clear();
    EXPECT_TRUE(r.lines().empty());
    EXPECT_EQ(r.count("orphan_ended"), 0u);
}

} // namespace
