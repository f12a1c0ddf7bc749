// Clients that contend for one row, with optimistic concurrency: how many writes does it take until all have
// succeeded, and how long? After "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

#include "figure.hpp"
#include "random.hpp"
#include "start.hpp"

#include <keel/keel.hpp>
#include <keel/testing/simulation.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace keel::figures {
namespace {

using namespace std::chrono_literals;

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

jitter jitter_of(std::string_view backoff)
{
    if (backoff == "exponential") return jitter::none;
    if (backoff == "equal") return jitter::equal;
    if (backoff == "full") return jitter::full;
    throw std::runtime_error("no back-off is called " + std::string(backoff));
}

keel::backoff law(std::string_view name, duration base, duration cap)
{
    if (name == "none") return constant{.base = 0ms};
    if (name == "decorrelated") return exponential{.base = base, .cap = cap, .jitter = jitter::decorrelated};
    // The first retry already waits for twice the base.
    return exponential{.base = 2 * base, .cap = cap, .jitter = jitter_of(name)};
}

struct result
{
    double writes = 0;
    double ms = 0;
};

result one_trial(pipeline const& update, std::size_t clients, std::uint64_t seed)
{
    testing::simulation world(seed);
    database db{chances(~seed)};
    for (std::size_t i = 0; i < clients; ++i) start(world, client(update, &db));
    world.drain();
    return {static_cast<double>(db.writes),
            std::chrono::duration<double, std::milli>(world.elapsed()).count()};
}

result mean_of(pipeline const& update, std::size_t clients, std::size_t trials)
{
    result sum;
    for (std::size_t i = 0; i < trials; ++i) {
        auto const each = one_trial(update, clients, 1'000'003 * clients + i);
        sum.writes += each.writes;
        sum.ms += each.ms;
    }
    auto const count = static_cast<double>(trials);
    return {sum.writes / count, sum.ms / count};
}

std::size_t trials_for(std::size_t clients, std::size_t published, extent how_much)
{
    if (how_much == extent::all) return std::max<std::size_t>(400, published);
    return std::clamp<std::size_t>(2000 / clients, 10, 100);
}

void compare(figure& f, place const& p, json::value const& cell, std::string const& what, double got,
             std::size_t trials)
{
    auto const expected = number(cell, what);
    auto const error = number(cell, what + "_sd") / std::sqrt(static_cast<double>(trials));
    f.compare(p, expected, got, tolerance(usual_part, expected, error));
}

/// What jitter is for, whatever the tolerances say.
void demand_order(figure& f, std::string const& clients, std::map<std::string, result> const& got)
{
    f.demand(got.at("full").writes < got.at("none").writes,
             clients + " clients: full jitter does not write less often than no back-off");
    for (auto const* jittered : {"equal", "full", "decorrelated"})
        f.demand(got.at(jittered).ms < got.at("exponential").ms,
                 clients + " clients: " + jittered + " jitter does not end sooner than no jitter");
}

} // namespace

figure backoff(json::value const& reference, extent how_much)
{
    figure f;
    auto const base = std::chrono::milliseconds(reference.at("base_ms").to_number<int>());
    auto const cap = std::chrono::milliseconds(reference.at("cap_ms").to_number<int>());
    for (auto const& [count, row] : reference.at("values").as_object()) {
        auto const clients = static_cast<std::size_t>(std::stoul(count));
        std::map<std::string, result> got;
        for (auto const& [name, cell] : row.as_object()) {
            auto const trials = trials_for(clients, cell.at("trials").to_number<std::size_t>(), how_much);
            auto const mean = mean_of(with(law(name, base, cap)), clients, trials);
            got[name] = mean;
            auto const row_name = "N = " + std::string(count);
            compare(f, {"Writes until all have succeeded", row_name, name}, cell, "writes", mean.writes,
                    trials);
            compare(f, {"Milliseconds until all have succeeded", row_name, name}, cell, "ms", mean.ms,
                    trials);
        }
        if (clients >= 10) demand_order(f, count, got);
    }
    return f;
}

} // namespace keel::figures
