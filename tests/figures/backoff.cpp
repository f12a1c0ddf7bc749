// Clients that contend for one row, with optimistic concurrency: how many writes does it take until all have
// succeeded, and how long? After "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

#include "figure.hpp"
#include "random.hpp"

#include <keel/keel.hpp>
#include <keel/testing/simulation.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace keel::figures {
namespace {

using namespace std::chrono_literals;

constexpr auto model = "backoff";

enum class reply
{
    stored,
    conflict
};

/// The server's one row, and the network in front of it.
struct database
{
    chances network;
    std::uint64_t version = 0;
    std::uint64_t writes = 0;
};

/// Until a message has arrived.
asio::awaitable<void> travel(database* db)
{
    auto delay = db->network.normal(10ms, 2ms);
    delay = std::max(delay, -delay);
    co_await sleep_for(delay);
}

asio::awaitable<reply> read_and_write(database* db)
{
    co_await travel(db);
    auto const read = db->version;
    co_await travel(db);
    co_await travel(db);
    ++db->writes;
    auto const stored = db->version == read;
    if (stored) ++db->version;
    co_await travel(db);
    co_return stored ? reply::stored : reply::conflict;
}

verdict judge(reply const& r) { return r == reply::stored ? verdict::success : verdict::failure; }

asio::awaitable<void> client(pipeline update, database* db)
{
    auto const last = co_await update(read_and_write, db);
    if (last != reply::stored) throw std::logic_error("a client gave up");
}

pipeline with(keel::backoff const& law)
{
    retry_options o;
    o.max_attempts = std::numeric_limits<std::uint32_t>::max();
    o.backoff = law;
    return pipeline{retry{o, no_retry_budget}, classifier{judge}};
}

keel::backoff law(std::string_view name, duration base, duration cap)
{
    if (name == "none") return constant{.base = 0ms};
    if (name == "decorr") return exponential{.base = base, .cap = cap, .jitter = jitter::decorrelated};
    // The first retry already waits for twice the base.
    exponential e{.base = 2 * base, .cap = cap, .jitter = jitter::none};
    if (name == "equal") e.jitter = jitter::equal;
    if (name == "full") e.jitter = jitter::full;
    return e;
}

struct result
{
    double calls = 0;
    double time_ms = 0;
};

result one_trial(pipeline const& update, std::size_t clients, std::uint64_t seed)
{
    testing::simulation world(seed);
    database db{chances(~seed)};
    for (std::size_t i = 0; i < clients; ++i) world.start(client(update, &db));
    world.drain();
    return {static_cast<double>(db.writes),
            std::chrono::duration<double, std::milli>(world.elapsed()).count()};
}

result mean_of(pipeline const& update, std::size_t clients, std::size_t trials)
{
    result sum;
    for (std::size_t i = 0; i < trials; ++i) {
        auto const each = one_trial(update, clients, 1'000'003 * clients + i);
        sum.calls += each.calls;
        sum.time_ms += each.time_ms;
    }
    auto const count = static_cast<double>(trials);
    return {sum.calls / count, sum.time_ms / count};
}

std::size_t trials_for(std::size_t clients, std::size_t published, extent how_much)
{
    if (how_much == extent::all) return std::max<std::size_t>(400, published);
    return std::clamp<std::size_t>(2000 / clients, 10, 100);
}

} // namespace

void backoff(json::value const& reference, extent how_much, report& table)
{
    auto const base = std::chrono::milliseconds(reference.at("base_ms").to_number<int>());
    auto const cap = std::chrono::milliseconds(reference.at("cap_ms").to_number<int>());
    for (auto const& [count, row] : reference.at("values").as_object()) {
        auto const clients = static_cast<std::size_t>(std::stoul(count));
        std::map<std::string, result> got;
        for (auto const& [name, cell] : row.as_object()) {
            auto const trials = trials_for(clients, cell.at("trials").to_number<std::size_t>(), how_much);
            auto const parameter = std::string(name) + ", N = " + std::string(count);
            auto const& mean = got[name] = mean_of(with(law(name, base, cap)), clients, trials);
            auto const error = [&](char const* of) {
                return number(cell, of) / std::sqrt(static_cast<double>(trials));
            };
            auto const calls = number(cell, "calls");
            auto const time = number(cell, "time_ms");
            table.compare(model, parameter + ": calls", calls, mean.calls,
                          tolerance(usual_part, calls, error("calls_sd")));
            table.compare(model, parameter + ": ms", time, mean.time_ms,
                          tolerance(usual_part, time, error("time_sd")));
        }
        if (clients < 10) continue;
        auto const parameter = "N = " + std::string(count) + ": ";
        table.demand(model, parameter + "calls", "full < none",
                     show(got["full"].calls) + " < " + show(got["none"].calls),
                     got["full"].calls < got["none"].calls);
        for (auto const* jittered : {"equal", "full", "decorr"})
            table.demand(model, parameter + "ms", std::string(jittered) + " < exp",
                         show(got[jittered].time_ms) + " < " + show(got["exp"].time_ms),
                         got[jittered].time_ms < got["exp"].time_ms);
    }
}

} // namespace keel::figures
