// W3: deadlines that are armed and disarmed by the thousand, and whole calls that are pending under them.

#include "pending.hpp"
#include "subjects.hpp"

#include <optional>

namespace bench {
namespace {

/// What a call under a timeout keeps in its frame while it is pending.
class node : public keel::deadline
{
public:
    explicit node(asio::any_io_executor const& executor) : deadline(executor) {}

private:
    void reached() override { std::abort(); }
};

keel::duration equal(std::mt19937&) { return 30s; }
keel::duration random(std::mt19937& g) { return 30s + std::chrono::milliseconds(g() % 30'000); }

struct population
{
    explicit population(std::size_t n) : nodes(n)
    {
        for (auto& p : nodes) p.emplace(executor);
    }

    ~population()
    {
        for (auto& p : nodes) time.disarm(*p);
    }

    void arm(node& p, keel::duration d)
    {
        auto const now = time.now();
        time.arm(p, now + d, now);
    }

    asio::io_context context{1};
    asio::any_io_executor executor = context.get_executor();
    keel::time_source& time = keel::time_source::of(context);
    std::vector<std::optional<node>> nodes;
};

template <keel::duration (*LimitOf)(std::mt19937&)>
void timers_of(benchmark::State& state, std::size_t n)
{
    auto const order = shuffled(n);
    std::mt19937 chance(1);
    std::vector<keel::duration> limits(n);
    for (auto& d : limits) d = LimitOf(chance);

    repeat_rounds(state, n, sizeof(node), [&] {
        population all(n);
        arming a;
        for (std::size_t i = 0; i < n; ++i) all.arm(*all.nodes[i], limits[i]);
        auto r = a.finish();
        if (all.time.armed() != n) std::abort();
        a.rest();
        for (auto const i : order) all.time.disarm(*all.nodes[i]);
        all.context.poll();
        r.disarm = a.rest();
        if (all.time.armed() != 0) std::abort();
        return r;
    });
}

/// At a standing population, one deadline at random is disarmed and armed again.
void churn(benchmark::State& state, std::size_t n)
{
    population all(n);
    for (auto& p : all.nodes) all.arm(*p, 30s);
    std::mt19937 chance(1);
    tally const t;
    for (auto _ : state) {
        auto& p = *all.nodes[chance() % n];
        all.time.disarm(p);
        all.arm(p, 30s);
    }
    t.report(state, static_cast<std::uint64_t>(state.iterations()));
}

asio::awaitable<void> call(keel::pipeline p, gate* g, std::size_t* waiting, std::size_t* done)
{
    auto const end = co_await p.run(&gate::pass, g, waiting);
    if (end.ok()) ++*done;
}

void calls(benchmark::State& state, std::size_t n, keel::pipeline const& p)
{
    pending_calls(state, n,
                  [&p](asio::io_context& context, gate& g, std::size_t& waiting, std::size_t& done) {
                      spawn_in_scope{}(context, call(p, &g, &waiting, &done));
                  });
}

void calls_under_timeout(benchmark::State& state, std::size_t n)
{
    calls(state, n, keel::pipeline{limit(30s)});
}

void calls_under_five(benchmark::State& state, std::size_t n) { calls(state, n, five_policies(30s, n)); }

[[maybe_unused]] bool const added = [] {
    for (auto const n : populations) {
        add_rounds("w3/timer", n, timers_of<equal>);
        add_sized("w3/churn", n, churn, 200'000);
    }
    for (std::size_t const n : {10'000, 100'000}) {
        add_rounds("w3/timer_random", n, timers_of<random>);
        add_rounds("w3/call", n, calls_under_timeout);
        add_rounds("w3/call_five", n, calls_under_five);
    }
    return true;
}();

} // namespace
} // namespace bench
