#include "ending.hpp"
#include "load.hpp"

#include "common/command_line.hpp"
#include "common/duration.hpp"
#include "common/event_log.hpp"
#include "common/http_get.hpp"
#include "common/text.hpp"
#include "common/url.hpp"

#include <keel/async/time_source.hpp>
#include <keel/core/option_faults.hpp>
#include <keel/pipeline.hpp>

#include <boost/asio/io_context.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

namespace {

using namespace std::chrono_literals;
using example::count_from_to;
using example::option;
using example::some_duration;
using keel_get::exit_code;

constexpr std::array options{
    option{"attempts", "N", "3", "a number from 1 to 1000",
           "How often a call is tried in all. A pause between two attempts grows from about 50ms."},
    option{"timeout", "D", "30s", some_duration, "Time limit of a call, its attempts and pauses included."},
    option{"attempt-timeout", "D", "5s", some_duration, "Time limit of one attempt."},
    option{"failure-ratio", "R", "0.5", "a number such as 0.5",
           "The circuit opens when this part of the attempts of the last 10s failed, and they were 20 or "
           "more. Above 0, up to 1."},
    option{"open-for", "D", "5s", some_duration, "How long an open circuit refuses attempts."},
    option{"concurrency", "N", "1", "a number from 1 to 1000", "How many calls are made at once."},
    option{"repeat", "N", "1", "a number from 1 to 1000000", "How many calls are made in all."},
    option{"no-policies", nullptr, nullptr, nullptr,
           "One attempt for each call, and nothing around it: no time limit either."},
    option{"verbose", nullptr, nullptr, nullptr, "Log what the policies do to stderr."},
};

constexpr auto introduction = R"(usage: keel-get [options] URL

Gets http://HOST[:PORT][/PATH][?QUERY], once or many times, through one Keel pipeline:
timeout, retry, circuit breaker, bulkhead, timeout per attempt.

5xx and 429 are failures, to be tried again, not before a Retry-After in seconds has passed. Other 4xx are
final. Redirections are not followed.

Of one call the body goes to stdout; of many, a summary, whose p50 and p99 are of all calls, failed ones too.
Durations D look like 250ms, 1.5s or 2min.

Exit codes; when calls end differently, the lowest number but 0 counts:
  0  every call was answered with 2xx or 3xx
  1  no answer: the network, the server or a time limit was in the way
  2  wrong command line or bad URL
  3  the server answered with 4xx or 5xx
  4  refused by a policy: the circuit was open, or the bulkhead full

For instance, 200 calls, 8 at once:

  keel-get --repeat 200 --concurrency 8 --attempt-timeout 250ms http://127.0.0.1:8080/

Options)";

/// What the command line asks for.
struct settings
{
    example::url where;
    keel_get::amount wanted;
    keel_get::limits limits;
    std::uint32_t attempts;
    double failure_ratio;
    keel::duration open_for;
    bool with_policies;
    bool verbose;
};

example::url url_from(example::command_line const& given)
{
    if (!given.operand()) throw example::usage_error("no URL given (see --help)");
    try {
        return example::parse_url(*given.operand());
    } catch (example::bad_url const& e) {
        throw example::usage_error(std::string{"bad URL: "} + e.what());
    }
}

settings settings_from(example::command_line const& given)
{
    settings s{};
    s.wanted.calls = given.value("repeat", count_from_to{1, 1'000'000});
    s.wanted.at_once = given.value("concurrency", count_from_to{1, 1000});
    s.limits.call = given.value("timeout", example::parse_positive_duration);
    s.limits.attempt = given.value("attempt-timeout", example::parse_positive_duration);
    s.attempts = static_cast<std::uint32_t>(given.value("attempts", count_from_to{1, 1000}));
    s.failure_ratio = given.value("failure-ratio", example::parse_number); // the breaker knows the range
    s.open_for = given.value("open-for", example::parse_positive_duration);
    s.with_policies = !given.has("no-policies");
    s.verbose = given.has("verbose");
    s.where = url_from(given);
    return s;
}

keel::pipeline make_pipeline(settings const& s)
{
    if (!s.with_policies) return keel::pipeline{};

    // The system's look-up of a name cannot be interrupted: after a short while the attempt is abandoned.
    auto const patience = keel::grace(50ms);
    keel::timeout const call_limit{{.name = "timeout", .limit = s.limits.call, .on_expiry = patience}};
    keel::retry const retry{{.max_attempts = s.attempts}};
    keel::circuit_breaker const breaker{
        {.failure_ratio = s.failure_ratio, .open_for = s.open_for, .open_multiplier = 1, .open_max = {}}};
    keel::bulkhead const bulkhead{{.max_concurrent = s.wanted.at_once}};
    keel::timeout const attempt_limit{
        {.name = "attempt-timeout", .limit = s.limits.attempt, .on_expiry = patience}};

    keel::pipeline_options named{.name = "get"};
    if (s.verbose) named.sink = example::log_to_stderr("keel-get");
    return keel::pipeline{
        named, call_limit, retry, breaker, bulkhead, attempt_limit, keel::classifier{example::judge}};
}

int complain(std::string const& what, exit_code code)
{
    std::cerr << "keel-get: " << what << '\n';
    return static_cast<int>(code);
}

void flush_output()
{
    std::cout.flush();
    if (!std::cout) throw std::runtime_error("cannot write to stdout");
}

int get_one(boost::asio::io_context& io, keel::pipeline const& through, settings const& s)
{
    auto code = 0;
    auto const show = [&](keel::outcome<example::response> const& ended, keel::duration) {
        if (ended.has_value()) std::cout << ended.value().body;
        auto const how = keel_get::ending_of(ended, s.limits);
        if (how.code == exit_code::ok) return;
        code = complain(s.where.text + ": " + how.why + keel_get::history_of(ended), how.code);
    };
    keel_get::call(io, through, s.where, s.wanted, show);
    return code;
}

int get_many(boost::asio::io_context& io, keel::pipeline const& through, settings const& s)
{
    keel_get::summary all;
    auto const add = [&](keel::outcome<example::response> const& ended, keel::duration took) {
        all.add(keel_get::ending_of(ended, s.limits), ended.attempts(), took);
    };
    auto const begun = keel::steady_now();
    keel_get::call(io, through, s.where, s.wanted, add);
    all.print(std::cout, keel::steady_now() - begun);
    return static_cast<int>(all.code());
}

int get(settings const& s)
{
    auto const through = make_pipeline(s);
    boost::asio::io_context io{1};
    auto const code = s.wanted.calls == 1 ? get_one(io, through, s) : get_many(io, through, s);
    flush_output();

    // The context would wait for a look-up that has been abandoned.
    if (through.orphans() > 0) std::quick_exit(code);
    return code;
}

int run(int argc, char** argv)
{
    example::command_line const given{argc, argv, options, "URL"};
    if (!given.has("help")) return get(settings_from(given));

    std::cout << example::help_text(introduction, options);
    flush_output();
    return 0;
}

} // namespace

int main(int argc, char** argv)
{
    try {
        return run(argc, argv);
    } catch (example::usage_error const& e) {
        return complain(e.what(), exit_code::usage);
    } catch (keel::invalid_options const& e) {
        return complain(e.what(), exit_code::usage);
    } catch (std::exception const& e) {
        return complain(e.what(), exit_code::failed);
    }
}
