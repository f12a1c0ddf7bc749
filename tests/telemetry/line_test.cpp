#include <keel/telemetry/line.hpp>

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>
#include <boost/system/error_category.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace keel::telemetry;
using namespace std::chrono_literals;
namespace asio = boost::asio;

using fields = std::vector<std::pair<std::string, std::string>>;

/// A category as a user might write it, with any name and any message.
class any_category final : public boost::system::error_category
{
public:
    any_category(std::string name, std::string message) : name_(std::move(name)), message_(std::move(message))
    {}

    char const* name() const noexcept override { return name_.c_str(); }
    std::string message(int) const override { return message_; }

private:
    std::string name_;
    std::string message_;
};

/// Everything in an event that comes from outside the library.
struct outside
{
    std::string pipeline;
    std::string policy;
    std::string from;
    std::string to;
    any_category category;

    origin by() const { return {pipeline, policy, time_point{}}; }
    error_code error() const { return {7, category}; }
};

struct sample
{
    event what;
    fields expected;
};

/// One event of each kind, and the fields its line must have.
std::vector<sample> one_of_each(outside const& o)
{
    std::pair<std::string, std::string> const pipeline{"pipeline", o.pipeline};
    std::pair<std::string, std::string> const policy{"policy", o.policy};
    std::pair<std::string, std::string> const error{"error", o.category.message(7)};
    std::pair<std::string, std::string> const code{"code", std::string(o.category.name()) + ":7"};
    return {
        {circuit_changed{o.by(), o.from, o.to},
         {{"event", "circuit_changed"}, pipeline, policy, {"from", o.from}, {"to", o.to}}},
        {retry_scheduled{o.by(), 2, 73ms, o.error()},
         {{"event", "retry_scheduled"},
          pipeline,
          policy,
          {"next_attempt", "2"},
          {"pause", "73ms"},
          error,
          code}},
        {retry_stopped{o.by(), o.from, o.error()},
         {{"event", "retry_stopped"}, pipeline, policy, {"why", o.from}, error, code}},
        {timed_out{o.by(), 2s, o.to},
         {{"event", "timed_out"}, pipeline, policy, {"limit", "2s"}, {"operation", o.to}}},
        {rejected{o.by(), o.error(), 5s},
         {{"event", "rejected"}, pipeline, policy, error, code, {"retry_after", "5s"}}},
        {fell_back{o.by(), o.error()}, {{"event", "fell_back"}, pipeline, policy, error, code}},
        {orphan_ended{o.by()}, {{"event", "orphan_ended"}, pipeline, policy}},
        {circuit_reset{o.by()}, {{"event", "circuit_reset"}, pipeline, policy}},
        {circuit_ignored{o.by()}, {{"event", "circuit_ignored"}, pipeline, policy}},
        {attempt_ended{{o.pipeline, {}, {}, o.policy, o.to, 2}, o.from, true, o.error(), 5ms},
         {{"event", "attempt_ended"},
          pipeline,
          {"instance", o.policy},
          {"operation_name", o.to},
          {"attempt", "2"},
          {"verdict", o.from},
          {"handled", "yes"},
          {"took", "5ms"},
          error,
          code}},
        {questionable_composition{o.by(), o.from, o.to},
         {{"event", "questionable_composition"}, pipeline, policy, {"rule", o.from}, {"text", o.to}}},
        {call_ended{o.by(), o.from, o.to, o.error(), 7ms},
         {{"event", "call_ended"},
          pipeline,
          policy,
          {"ended_by", o.from},
          {"verdict", o.to},
          {"took", "7ms"},
          error,
          code}},
    };
}

/// Reads lines as a strict consumer of them would: `key=plain` or `key="quoted"`, one blank in between.
class reader
{
public:
    explicit reader(std::string_view line) : rest_(line) {}

    fields read()
    {
        fields found;
        while (!rest_.empty()) {
            if (!found.empty()) expect(' ');
            auto key = until('=');
            expect('=');
            auto value = next() == '"' ? quoted() : plain();
            found.emplace_back(std::move(key), std::move(value));
        }
        return found;
    }

private:
    char next() const { return rest_.empty() ? '\0' : rest_.front(); }

    char take()
    {
        auto const c = next();
        if (!rest_.empty()) rest_.remove_prefix(1);
        return c;
    }

    void expect(char c)
    {
        if (take() != c)
            throw std::runtime_error(std::string("expected ") + c + " before: " + std::string(rest_));
    }

    std::string until(char end)
    {
        std::string text;
        while (!rest_.empty() && next() != end) text += take();
        return text;
    }

    std::string plain()
    {
        auto text = until(' ');
        if (text.empty() || text.find_first_of("\"=\\") != std::string::npos)
            throw std::runtime_error("not plain: " + text);
        return text;
    }

    std::string quoted()
    {
        std::string text;
        expect('"');
        while (next() != '"') {
            if (rest_.empty()) throw std::runtime_error("no closing quote");
            auto const c = take();
            text += c == '\\' ? escaped() : c;
        }
        expect('"');
        return text;
    }

    char escaped()
    {
        auto const c = take();
        if (c == '"' || c == '\\') return c;
        if (c != 'x') throw std::runtime_error("unknown escape");
        std::string const hex{take(), take()};
        return static_cast<char>(std::stoi(hex, nullptr, 16));
    }

    std::string_view rest_;
};

bool is_printable_ascii(std::string_view line)
{
    for (auto const c : line)
        if (c < ' ' || c > '~') return false;
    return true;
}

/// Every field that comes from outside holds `text`.
outside all_of(std::string const& text) { return {text, text, text, text, any_category("odd", text)}; }

constexpr origin payments{"payments", "retry", time_point{}};

// What the lines look like

TEST(line, a_circuit_change)
{
    EXPECT_EQ(to_line(circuit_changed{payments, "closed", "half_open"}),
              "event=circuit_changed pipeline=payments policy=retry from=closed to=half_open");
}

TEST(line, a_scheduled_retry)
{
    auto const line = to_line(retry_scheduled{payments, 2, 73ms, asio::error::connection_reset});
    EXPECT_EQ(
        line.rfind("event=retry_scheduled pipeline=payments policy=retry next_attempt=2 pause=73ms error=\"",
                   0),
        0u)
        << line;
    EXPECT_TRUE(line.ends_with(" code=system:104")) << line;
}

TEST(line, the_end_of_a_retry_loop)
{
    EXPECT_EQ(to_line(retry_stopped{{"payments", "retry", {}, {}, {}, 3}, "attempts", {}}),
              "event=retry_stopped pipeline=payments policy=retry attempt=3 why=attempts");
}

TEST(line, a_timeout)
{
    EXPECT_EQ(to_line(timed_out{payments, 1500ms, "ended"}),
              "event=timed_out pipeline=payments policy=retry limit=1.5s operation=ended");
    EXPECT_EQ(to_line(timed_out{payments, 800ms, "abandoned"}),
              "event=timed_out pipeline=payments policy=retry limit=800ms operation=abandoned");
}

TEST(line, a_rejection_tells_the_time_to_wait_only_when_it_is_known)
{
    auto const known = to_line(rejected{payments, errc::circuit_open, 5s});
    EXPECT_TRUE(known.ends_with(" code=keel:2 retry_after=5s")) << known;
    auto const unknown = to_line(rejected{payments, errc::bulkhead_full, std::nullopt});
    EXPECT_TRUE(unknown.ends_with(" code=keel:5")) << unknown;
}

TEST(line, a_fallback_and_an_ended_orphan)
{
    EXPECT_EQ(to_line(fell_back{payments, {}}), "event=fell_back pipeline=payments policy=retry");
    EXPECT_EQ(to_line(orphan_ended{payments}), "event=orphan_ended pipeline=payments policy=retry");
}

TEST(line, leaves_out_an_origin_that_is_not_known)
{
    EXPECT_EQ(to_line(orphan_ended{}), "event=orphan_ended");
    EXPECT_EQ(to_line(orphan_ended{{"payments", {}, {}}}), "event=orphan_ended pipeline=payments");
    EXPECT_EQ(to_line(orphan_ended{{{}, "retry", {}}}), "event=orphan_ended policy=retry");
}

TEST(line, quotes_a_value_that_is_empty)
{
    EXPECT_EQ(to_line(circuit_changed{{}, "", "open"}), "event=circuit_changed from=\"\" to=open");
}

// What comes from outside stays inside its field

TEST(line, quotes_a_name_with_blanks_or_equals_signs)
{
    EXPECT_EQ(to_line(orphan_ended{{"my pipeline", "a=b", {}}}),
              "event=orphan_ended pipeline=\"my pipeline\" policy=\"a=b\"");
}

TEST(line, escapes_quotes_and_backslashes)
{
    EXPECT_EQ(to_line(orphan_ended{{"say \"hi\"", "c:\\temp", {}}}),
              "event=orphan_ended pipeline=\"say \\\"hi\\\"\" policy=\"c:\\\\temp\"");
}

TEST(line, escapes_line_ends_control_bytes_and_everything_beyond_ascii)
{
    EXPECT_EQ(to_line(orphan_ended{{"a\r\nb", std::string_view("\0\t\x1b\x7f", 4), {}}}),
              "event=orphan_ended pipeline=\"a\\x0d\\x0ab\" policy=\"\\x00\\x09\\x1b\\x7f\"");
    EXPECT_EQ(to_line(orphan_ended{{"\xc3\xbc", {}, {}}}), "event=orphan_ended pipeline=\"\\xc3\\xbc\"");
}

TEST(line, no_field_of_any_event_can_end_the_line_or_forge_another_field)
{
    for (auto const* const attack :
         {"x\nevent=rejected", "x\r\nevent=rejected", "x\" event=\"rejected", "x event=rejected", "x\\",
          "\\\"", "=", "\"", " ", "\x1b[31m", "\x7f", "\xe2\x80\xa8", "\x85", "\xff"}) {
        auto const o = all_of(attack);
        for (auto const& [what, expected] : one_of_each(o)) {
            auto const line = to_line(what);
            EXPECT_TRUE(is_printable_ascii(line)) << line;
            EXPECT_EQ(reader(line).read(), expected) << line;
        }
    }
}

TEST(line, the_name_of_an_error_category_is_escaped_too)
{
    outside const o{"p", "q", "a", "b", any_category("evil\ncategory=\"x\"", "fine")};
    for (auto const& [what, expected] : one_of_each(o)) {
        auto const line = to_line(what);
        EXPECT_TRUE(is_printable_ascii(line)) << line;
        EXPECT_EQ(reader(line).read(), expected) << line;
    }
}

TEST(line, any_bytes_at_all_come_back_as_they_were)
{
    std::mt19937 random(20);
    auto const bytes = [&](unsigned least) {
        std::string text(1 + random() % 12, '\0');
        for (auto& c : text) c = static_cast<char>(least + random() % (256 - least));
        return text;
    };
    for (auto round = 0; round < 1000; ++round) {
        outside const o{bytes(0), bytes(0), bytes(0), bytes(0), any_category(bytes(1), bytes(0))};
        for (auto const& [what, expected] : one_of_each(o)) {
            auto const line = to_line(what);
            ASSERT_TRUE(is_printable_ascii(line)) << line;
            ASSERT_EQ(reader(line).read(), expected) << line;
        }
    }
}

} // namespace
