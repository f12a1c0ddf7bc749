// A failure that outlives its cause: a server for 300 requests a second gets 280, is cut off for ten seconds,
// and the retries of what timed out keep it overloaded. After "Metastable Failures in Distributed Systems",
// N. Bronson and others, HotOS 2021.

#include "exchange.hpp"
#include "figure.hpp"
#include "support/dice.hpp"

#include <keel/keel.hpp>
#include <keel/testing/simulation.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace keel::figures {
namespace {

using namespace std::chrono_literals;

constexpr auto model = "metastable";
constexpr duration service_time = std::chrono::nanoseconds(1s) / 300;
constexpr duration cut_begins = 20s;
constexpr duration cut_ends = 30s;
constexpr duration window = 10s;

time_point at(duration since_start) { return time_point{} + since_start; }

// --- servers
// ----------------------------------------------------------------------------------------------------

class server
{
public:
    server() = default;
    server(server const&) = delete;
    server& operator=(server const&) = delete;
    virtual ~server() = default;
    virtual void receive(message) = 0;
};

/// Sheds by how long requests have waited, as the shedder of folly does.
class delay_shedder
{
public:
    bool sheds(time_point now, duration waited)
    {
        if (least_ && now > interval_end_) {
            overloaded_ = *least_ > 5ms;
            interval_end_ = now + 100ms;
            least_.reset();
        }
        if (!least_) {
            least_ = waited;
            return false;
        }
        least_ = std::min(*least_, waited);
        return overloaded_ && waited > 2 * 5ms;
    }

private:
    bool overloaded_ = false;
    time_point interval_end_{};
    std::optional<duration> least_{};
};

struct habits
{
    bool newest_first = false;
    bool drops_abandoned = false;
    bool sheds = false;
};

/// Serves one request at a time out of a queue without bound.
class queueing_server final : public server
{
public:
    queueing_server(testing::simulation& world, habits h) : world_(world), habits_(h) {}

    void receive(message m) override
    {
        queue_.push_back({std::move(m), world_.clock().now()});
        if (std::exchange(busy_, true)) return;
        asio::co_spawn(world_.context(), work(this), rethrow);
    }

private:
    struct waiting
    {
        message what;
        time_point since;
    };

    static asio::awaitable<void> work(queueing_server* self)
    {
        while (auto const next = self->take()) {
            co_await sleep_for(service_time);
            next->answer();
        }
        self->busy_ = false;
    }

    message take()
    {
        while (!queue_.empty()) {
            auto const now = world_.clock().now();
            auto const next = pop();
            if (habits_.drops_abandoned && next.what->abandoned()) continue;
            if (!habits_.sheds || !shedder_.sheds(now, now - next.since)) return next.what;
            next.what->answer(refused());
        }
        return nullptr;
    }

    waiting pop()
    {
        auto next = habits_.newest_first ? std::move(queue_.back()) : std::move(queue_.front());
        habits_.newest_first ? queue_.pop_back() : queue_.pop_front();
        return next;
    }

    testing::simulation& world_;
    habits habits_;
    delay_shedder shedder_;
    std::deque<waiting> queue_;
    bool busy_ = false;
};

/// Serves one request at a time and lets 30 wait: Keel's own bulkhead, on the server's side.
class bounded_server final : public server
{
public:
    explicit bounded_server(testing::simulation& world) : world_(world) {}

    void receive(message m) override
    {
        asio::co_spawn(world_.context(), handle(policies_, std::move(m)), rethrow);
    }

private:
    static asio::awaitable<void> serve() { co_await sleep_for(service_time); }

    static asio::awaitable<void> handle(pipeline policies, message m)
    {
        auto const end = co_await policies.run(serve);
        m->answer(end.ok() ? error_code{} : refused());
    }

    testing::simulation& world_;
    pipeline policies_{bulkhead{{.max_concurrent = 1, .max_queue = 30}}};
};

// --- the network, and the clients
// -------------------------------------------------------------------------------

struct world
{
    testing::simulation simulation{};
    std::unique_ptr<server> target{};
    std::vector<message> held_up{};
    std::vector<double> attempts{}; ///< In each window.
    std::vector<double> successes{};

    duration now() const { return simulation.elapsed(); }

    void count(std::vector<double>& in) const
    {
        auto const i = static_cast<std::size_t>(now() / window);
        if (i < in.size()) ++in[i];
    }
};

void send(world* w, message m)
{
    if (w->now() >= cut_begins && w->now() < cut_ends)
        w->held_up.push_back(std::move(m));
    else
        w->target->receive(std::move(m));
}

asio::awaitable<void> end_the_cut(world* w)
{
    co_await sleep_until(at(cut_ends));
    for (auto& m : std::exchange(w->held_up, {})) w->target->receive(std::move(m));
}

asio::awaitable<reply> attempt(world* w)
{
    auto const executor = co_await asio::this_coro::executor;
    auto const sent = std::make_shared<request>(executor);
    waiting_client const present(sent);
    w->count(w->attempts);
    send(w, sent);
    auto const got = co_await sent->async_answer();
    co_return got;
}

asio::awaitable<void> call(world* w, pipeline policies)
{
    auto const end = co_await policies.run(attempt, w);
    if (end.ok()) w->count(w->successes);
}

/// Evenly spaced, but for less than a microsecond. A call and the retry of the call that timed out come in
/// the same instant otherwise, always in the same order, and where the server drops what was abandoned that
/// order alone decides whether it recovers.
asio::awaitable<void> arrivals(world* w, pipeline policies, int per_second, duration length)
{
    auto const executor = co_await asio::this_coro::executor;
    tests::dice dice(1);
    for (std::int64_t i = 0;; ++i) {
        auto const when = duration(1s) * i / per_second + dice.between(0ns, 999ns);
        if (when >= length) co_return;
        co_await sleep_until(at(when));
        asio::co_spawn(executor, call(w, policies), rethrow);
    }
}

// --- policies
// ---------------------------------------------------------------------------------------------------

struct row
{
    std::string name;
    pipeline policies;
    int per_second = 280;
    habits server{};
    bool bounded = false;
};

retry_options at_once(std::uint32_t attempts)
{
    retry_options o;
    o.max_attempts = attempts;
    o.backoff = constant{.base = 0ms};
    return o;
}

timeout one_second() { return timeout{{.limit = 1s}}; }

pipeline without_retry() { return pipeline{one_second()}; }
pipeline one_retry() { return pipeline{retry{at_once(2), no_retry_budget}, one_second()}; }
pipeline one_retry(retry_budget_options budget)
{
    return pipeline{retry{at_once(2), retry_budget{budget}}, one_second()};
}
pipeline requests_pay(double ratio) { return one_retry({ratio_window{.min_per_second = 0, .ratio = ratio}}); }
pipeline successes_pay() { return one_retry({success_bucket{.size = 10, .deposit = 0.1}}); }

pipeline with_breaker()
{
    circuit_breaker_options o;
    o.window = count_window{100};
    o.min_calls = 100;
    o.open_for = 5s;
    o.open_multiplier = 1;
    o.half_open_permits = 10;
    circuit_breaker const breaker{o};
    auto retries = at_once(2);
    retries.retry_if = [breaker](failure const&) { return breaker.state() == circuit_state::closed; };
    return pipeline{retry{retries, no_retry_budget}, breaker, one_second()};
}

std::vector<row> rows()
{
    return {
        {"no_retry", without_retry()},
        {"one_retry", one_retry()},
        {"one_retry_load_140", one_retry(), 140},
        {"one_retry_load_160", one_retry(), 160},
        {"budget_0.1_per_success", successes_pay()},
        {"budget_0.1_per_request", requests_pay(0.1)},
        {"budget_0.2_per_request", requests_pay(0.2)},
        {"budget_0.05_per_request", requests_pay(0.05)},
        {"breaker", with_breaker()},
        {"server_drops_abandoned", one_retry(), 280, {.drops_abandoned = true}},
        {"queue_limit_30", one_retry(), 280, {}, true},
        {"lifo", one_retry(), 280, {.newest_first = true}},
        {"codel", one_retry(), 280, {.sheds = true}},
    };
}

// --- what comes out
// ---------------------------------------------------------------------------------------------

struct result
{
    std::optional<double> recovered_at{};
    double attempts_per_s = 0; ///< In the window that begins at 100 s.
    double goodput_per_s = 0;
};

/// The first window after the cut from which on at least 95 % of what was offered succeeds.
std::optional<double> recovery(std::vector<double> const& successes, int per_second)
{
    auto const seconds = std::chrono::duration<double>(window).count();
    auto const enough = 0.95 * per_second * seconds;
    auto first = successes.size();
    while (first > 0 && successes[first - 1] >= enough) --first;
    if (first == successes.size()) return std::nullopt;
    return std::max(static_cast<double>(first) * seconds, std::chrono::duration<double>(cut_ends).count());
}

result run(row const& r, duration length)
{
    world w;
    if (r.bounded)
        w.target = std::make_unique<bounded_server>(w.simulation);
    else
        w.target = std::make_unique<queueing_server>(w.simulation, r.server);
    w.attempts.resize(static_cast<std::size_t>(length / window));
    w.successes.resize(w.attempts.size());
    w.simulation.start(end_the_cut(&w));
    w.simulation.start(arrivals(&w, r.policies, r.per_second, length));
    w.simulation.advance(length);
    w.simulation.destroy();
    auto const seconds = std::chrono::duration<double>(window).count();
    return {recovery(w.successes, r.per_second), w.attempts.at(10) / seconds, w.successes.at(10) / seconds};
}

std::string show_recovery(std::optional<double> at_second, duration length)
{
    if (at_second) return show(*at_second) + " s";
    return "not by " + show(std::chrono::duration<double>(length).count()) + " s";
}

} // namespace

void metastable(json::value const& reference, extent how_much, report& table)
{
    duration const length = how_much == extent::all ? 400s : 180s;
    auto const& published = reference.at("rows");
    for (auto const& r : rows()) {
        auto const& expected = published.at(r.name);
        auto const got = run(r, length);
        auto const& at_second = expected.at("recovered_at_s");
        auto const recovered =
            at_second.is_null() ? std::nullopt : std::optional(at_second.to_number<double>());
        table.demand(model, r.name + ": recovers at", show_recovery(recovered, length),
                     show_recovery(got.recovered_at, length), recovered == got.recovered_at);
        auto const attempts = number(expected, "attempts_per_s");
        auto const goodput = number(expected, "goodput_per_s");
        table.compare(model, r.name + ": attempts/s", attempts, got.attempts_per_s, 0.01 * attempts);
        table.compare(model, r.name + ": goodput/s", goodput, got.goodput_per_s, 0.01 * r.per_second);
    }
}

} // namespace keel::figures
