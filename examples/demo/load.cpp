#include "load.hpp"

#include "common/http_get.hpp"
#include "common/url.hpp"

#include <keel/keel.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>

#include <memory>
#include <stdexcept>

namespace demo {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

/// What the coroutines of one run share.
struct bench
{
    load what;
    example::url target;
    keel::pipeline policies;
    keel::time_point began{};
    std::vector<call_end> calls{};
};

asio::awaitable<void> one_call(std::shared_ptr<bench> b, std::size_t number)
{
    auto const executor = co_await asio::this_coro::executor;
    auto const begun = keel::now(executor);
    auto const end = co_await b->policies.run(example::http_get, b->target);
    auto const waited = keel::now(executor) - begun;

    auto& call = b->calls[number];
    call.waited = waited;
    call.answered_well = end.ok() && end.value().status == 200 && waited <= b->what.patience;
    call.refused = end.ended_by() == keel::ended_by::rejection;
    call.attempts = end.attempts();
}

asio::awaitable<void> keep_calling(std::shared_ptr<bench> b)
{
    auto const executor = co_await asio::this_coro::executor;
    b->began = keel::now(executor);
    auto const gap = keel::duration(1s) / b->what.calls_per_second;
    for (std::size_t i = 0; i < b->calls.size(); ++i) {
        b->calls[i].begun = gap * i;
        co_await keel::sleep_until(b->began + b->calls[i].begun);
        asio::co_spawn(executor, one_call(b, i), asio::detached);
    }
    co_await keel::sleep_for(b->what.patience);
}

/// Reads one number out of the server's one-line report.
std::uint64_t number_in(std::string const& report, std::string const& key)
{
    auto const at = report.find('"' + key + "\":");
    if (at == std::string::npos) throw std::runtime_error("the server's report has no " + key);
    return std::stoull(report.substr(at + key.size() + 3));
}

asio::awaitable<void> read_report(std::string base, std::string& into)
{
    auto const where = example::parse_url(base + "/_stats");
    auto const answer = co_await example::http_get(where);
    into = answer.body;
}

std::string report_of(std::string const& base)
{
    asio::io_context context(1);
    std::string report;
    asio::co_spawn(context, read_report(base, report), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    context.run();
    return report;
}

} // namespace

keel::pipeline unprotected() { return keel::pipeline{{.name = "unprotected"}}; }

keel::pipeline protected_by_keel(std::vector<keel::circuit_transition>& states)
{
    // [pipeline]
    return keel::pipeline{
        {.name = "protected"},
        keel::timeout{{.name = "total", .limit = 1s}},
        keel::retry{{.max_attempts = 3, .backoff = keel::exponential{.base = 20ms, .cap = 200ms}}},
        keel::circuit_breaker{{
            .window = keel::count_window{.size = 20},
            .min_calls = 10,
            .open_for = 300ms,
            .open_multiplier = 1.5,
            .open_max = 1s,
            .on_transition = [&](keel::circuit_transition const& change) { states.push_back(change); },
        }},
        keel::bulkhead{{.max_concurrent = 20, .max_queue = 20}},
        keel::timeout{{.name = "attempt", .limit = 150ms}},
        keel::classifier{example::judge},
    };
    // [/pipeline]
}

run_result run(load const& what, std::string const& url, keel::pipeline const& policies,
               std::vector<keel::circuit_transition> const& states)
{
    auto const count = what.calls_per_second * static_cast<std::size_t>(what.length / 1s);
    auto const b = std::make_shared<bench>(bench{what, example::parse_url(url), policies});
    b->calls.resize(count);
    {
        asio::io_context context(1);
        asio::co_spawn(context, keep_calling(b), [&](std::exception_ptr e) {
            context.stop(); // whoever is still waiting has run out of patience
            if (e) std::rethrow_exception(e);
        });
        context.run();
    }

    run_result result;
    result.calls = std::move(b->calls);
    for (auto const& s : states) result.states.push_back({s.at - b->began, s.to});
    auto const report = report_of(url);
    result.requests = number_in(report, "requests");
    result.during_outage = number_in(report, "during_outage");
    return result;
}

} // namespace demo
