#include <keel/telemetry/spdlog_sink.hpp>

#include <keel/telemetry/line.hpp>

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace keel;
using namespace keel::telemetry;
using namespace std::chrono_literals;
using ostream_sink = spdlog::sinks::ostream_sink_mt;

constexpr origin by{"payments", "retry", time_point{}};

/// A real logger that writes into a string, as `level|message`.
class logbook
{
public:
    logbook() : logger_(std::make_shared<spdlog::logger>("keel", std::make_shared<ostream_sink>(text_)))
    {
        logger_->set_pattern("%l|%v");
        logger_->set_level(spdlog::level::trace);
    }

    std::shared_ptr<spdlog::logger> const& logger() const { return logger_; }
    std::shared_ptr<spdlog::logger> give_away() { return std::move(logger_); }

    std::vector<std::string> lines() const
    {
        std::vector<std::string> found;
        std::istringstream in(text_.str());
        for (std::string line; std::getline(in, line);) found.push_back(line);
        return found;
    }

private:
    std::ostringstream text_;
    std::shared_ptr<spdlog::logger> logger_;
};

/// Makes a logger the default one for as long as it lives.
class as_default
{
public:
    explicit as_default(std::shared_ptr<spdlog::logger> l) : before_(spdlog::default_logger())
    {
        spdlog::set_default_logger(std::move(l));
    }
    as_default(as_default const&) = delete;
    as_default& operator=(as_default const&) = delete;
    ~as_default() { spdlog::set_default_logger(before_); }

private:
    std::shared_ptr<spdlog::logger> before_;
};

std::vector<event> one_of_each()
{
    return {circuit_changed{by, "closed", "open"},
            retry_scheduled{by, 2, 73ms, boost::asio::error::connection_reset},
            retry_stopped{by, "attempts", boost::asio::error::connection_reset},
            timed_out{by, 2s, "ended"},
            rejected{by, errc::circuit_open, 5s},
            fell_back{by, errc::circuit_open},
            orphan_ended{by},
            circuit_reset{by},
            circuit_ignored{by},
            attempt_ended{by, "success", false, {}, 5ms},
            call_ended{by, "operation", "success", {}, 5ms},
            questionable_composition{by, "gate_twice", "why"}};
}

TEST(spdlog_sink, writes_one_line_per_event_with_its_level)
{
    logbook book;
    spdlog_sink out(book.logger());
    std::vector<std::string> expected;
    for (auto const& e : one_of_each()) {
        out.on(e);
        expected.push_back(std::string(to_string(severity_of(e))) + '|' + to_line(e));
    }
    EXPECT_EQ(book.lines(), expected);
}

TEST(spdlog_sink, asks_for_what_its_logger_logs)
{
    logbook book;
    spdlog_sink const out(book.logger());
    EXPECT_EQ(out.least_severity(), severity::debug);
    book.logger()->set_level(spdlog::level::info);
    EXPECT_EQ(out.least_severity(), severity::info);
}

TEST(spdlog_sink, a_name_with_line_ends_still_makes_one_line)
{
    logbook book;
    spdlog_sink out(book.logger());
    out.on(orphan_ended{{"pay\nments\r\n", "retry", time_point{}}});
    EXPECT_EQ(book.lines().size(), 1u);
}

TEST(spdlog_sink, braces_in_a_name_are_no_format)
{
    logbook book;
    spdlog_sink out(book.logger());
    out.on(orphan_ended{{"{} {0} {nobody} %v", {}, time_point{}}});
    EXPECT_EQ(book.lines(),
              std::vector<std::string>{"info|event=orphan_ended pipeline=\"{} {0} {nobody} %v\""});
}

TEST(spdlog_sink, writes_nothing_below_the_loggers_level)
{
    logbook book;
    book.logger()->set_level(spdlog::level::warn);
    spdlog_sink out(book.logger());
    for (auto const& e : one_of_each()) out.on(e);
    EXPECT_EQ(book.lines().size(), 6u);
    for (auto const& line : book.lines()) EXPECT_TRUE(line.starts_with("warning|")) << line;
}

TEST(spdlog_sink, without_a_logger_it_uses_the_default_one_of_each_moment)
{
    logbook first;
    logbook second;
    spdlog_sink out;
    {
        as_default const now(first.logger());
        out.on(orphan_ended{by});
    }
    {
        as_default const now(second.logger());
        out.on(fell_back{by, {}});
    }
    EXPECT_EQ(first.lines(), std::vector<std::string>{"info|" + to_line(orphan_ended{by})});
    EXPECT_EQ(second.lines(), std::vector<std::string>{"info|" + to_line(fell_back{by, {}})});
}

TEST(spdlog_sink, survives_there_being_no_default_logger)
{
    as_default const none(nullptr);
    spdlog_sink out;
    out.on(orphan_ended{by});
}

TEST(spdlog_sink, keeps_its_logger_alive)
{
    logbook book;
    auto const weak = std::weak_ptr(book.logger());
    {
        spdlog_sink out(book.give_away());
        EXPECT_FALSE(weak.expired());
        out.on(orphan_ended{by});
    }
    EXPECT_TRUE(weak.expired());
    EXPECT_EQ(book.lines().size(), 1u);
}

/// An spdlog sink whose disk is full.
class full_disk final : public spdlog::sinks::base_sink<std::mutex>
{
    void sink_it_(spdlog::details::log_msg const&) override { throw std::runtime_error("disk full"); }
    void flush_() override {}
};

TEST(spdlog_sink, what_the_logger_throws_stops_at_emit)
{
    auto const logger = std::make_shared<spdlog::logger>("keel", std::make_shared<full_disk>());
    auto complaints = 0;
    logger->set_error_handler([&](std::string const& why) {
        ++complaints;
        throw std::runtime_error(why);
    });
    spdlog_sink out(logger);
    EXPECT_THROW(out.on(orphan_ended{by}), std::runtime_error);
    auto const before = std::exchange(complaints, 0);
    emit(&out, orphan_ended{by});
    EXPECT_EQ(complaints, before);
    EXPECT_GT(complaints, 0);
}

} // namespace
