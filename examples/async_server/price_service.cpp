#include "price_service.hpp"

#include "common/event_log.hpp"

#include <keel/async/time_source.hpp>
#include <keel/core/error.hpp>
#include <keel/fallback.hpp>
#include <keel/retry.hpp>
#include <keel/timeout.hpp>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <string>
#include <utility>

namespace async_server {

namespace {

using namespace std::chrono_literals;
using example::response;

/// In whole seconds, rounded up: coming back too early would only be refused again.
std::string seconds_until(keel::time_point at)
{
    auto const left = std::chrono::ceil<std::chrono::seconds>(at - keel::steady_now());
    return std::to_string(std::max(left, 1s).count());
}

reply refusal(keel::outcome<response> const& ended)
{
    auto made = text_reply(http::status::service_unavailable, ended.error().message() + '\n');
    if (ended.retry_at()) made.set(http::field::retry_after, seconds_until(*ended.retry_at()));
    return made;
}

reply bad_gateway(std::string const& why) { return text_reply(http::status::bad_gateway, why + '\n'); }

/// Why there is no price, in the language of HTTP.
reply explain(keel::outcome<response> const& ended)
{
    if (ended.error() == keel::condition::rejected) return refusal(ended);
    if (ended.error() == keel::condition::timed_out)
        return text_reply(http::status::gateway_timeout, "the upstream server took too long\n");
    return bad_gateway("no usable answer from the upstream server: " + ended.error().message());
}

} // namespace

price_service::price_service(settings wanted)
    : upstream_(wanted.upstream),
      last_known_(std::make_shared<std::optional<response>>()),
      breaker_({.min_calls = 5, .open_for = wanted.open_for, .open_max = {}}),
      bulkhead_({.max_concurrent = wanted.concurrency, .max_queue = wanted.concurrency}),
      upstream_calls_(make_pipeline(wanted))
{}

keel::pipeline price_service::make_pipeline(settings const& wanted) const
{
    // The system's look-up of a name cannot be interrupted: after a short while the attempt is abandoned.
    keel::timeout const whole_call{{.limit = wanted.timeout, .on_expiry = keel::grace(50ms)}};
    keel::timeout const one_attempt{
        {.name = "attempt_timeout", .limit = wanted.attempt_timeout, .on_expiry = keel::grace(50ms)}};

    auto const last_known = last_known_;
    keel::fallback stale{{.name = "stale"}};
    stale.when([last_known](keel::failure const&) { return last_known->has_value(); },
               [last_known] { return last_known->value(); });

    // From the outside to the inside. The limit of the whole call must leave the attempts time to fail: once
    // it has passed, `stale` is not asked any more.
    return keel::pipeline{{.name = "prices", .sink = example::log_to_stderr("async_server")},
                          whole_call,
                          stale,
                          keel::retry{},
                          breaker_,
                          bulkhead_,
                          one_attempt,
                          keel::classifier{example::judge}};
}

asio::awaitable<reply> price_service::price()
{
    auto const ended = co_await upstream_calls_.run(example::http_get, upstream_);
    if (!ended.has_value()) co_return explain(ended);

    auto const& answer = ended.value();
    if (answer.status != 200)
        co_return bad_gateway("the upstream server answered with status " + std::to_string(answer.status));

    auto made = text_reply(http::status::ok, answer.body, answer.content_type);
    if (ended.ended_by() == keel::ended_by::fallback)
        made.set("Keel-Fallback", "stale");
    else
        *last_known_ = answer;
    co_return made;
}

asio::awaitable<reply> price_service::health()
{
    auto const circuit = breaker_.snapshot();
    auto const places = bulkhead_.snapshot();
    std::ostringstream line;
    line << R"({"circuit_breaker":{"state":")" << to_string(circuit.state) << R"(","attempts":)"
         << circuit.window.total << R"(,"failed":)" << circuit.window.failed << R"(},"bulkhead":{"running":)"
         << places.running << R"(,"waiting":)" << places.waiting << R"(,"max_concurrent":)"
         << places.max_concurrent << R"(,"max_queue":)" << places.max_queue << "}}\n";
    co_return text_reply(http::status::ok, line.str(), "application/json");
}

} // namespace async_server
