// What a gate alone costs a call, without pipeline and without clock: asked and told, and refusing.

#include "subjects.hpp"

#include <thread>

namespace bench {
namespace {

/// Calls that come one nanosecond after the other.
class caller
{
public:
    explicit caller(std::shared_ptr<keel::gate> g) : gate_(std::move(g)) {}

    bool call()
    {
        keel::moment now(at_ += 1ns);
        keel::visit const v{.now = now};
        auto const answer = gate_->admit(v);
        if (answer.what != keel::admission::kind::granted) return false;
        gate_->settle(answer.pass, keel::verdict::success, v);
        return true;
    }

private:
    std::shared_ptr<keel::gate> gate_;
    keel::time_point at_ = keel::steady_now();
};

void granted(benchmark::State& state, std::shared_ptr<keel::gate> const& gate)
{
    caller one(gate);
    tally const t;
    for (auto _ : state)
        if (!one.call()) state.SkipWithError("refused");
    t.report(state, static_cast<std::uint64_t>(state.iterations()));
}

void refused(benchmark::State& state, std::shared_ptr<keel::gate> const& gate)
{
    caller one(gate);
    tally const t;
    for (auto _ : state)
        if (one.call()) state.SkipWithError("let in");
    t.report(state, static_cast<std::uint64_t>(state.iterations()));
}

/// Threads that do nothing but call. Wall time divided by all calls.
void hammered(benchmark::State& state, std::shared_ptr<keel::gate> const& gate, std::size_t threads)
{
    constexpr std::uint64_t calls = 1'000'000;
    auto const work = [&gate] {
        caller one(gate);
        for (std::uint64_t i = 0; i < calls; ++i) benchmark::DoNotOptimize(one.call());
    };
    for (auto _ : state) {
        std::vector<std::jthread> others;
        for (std::size_t i = 1; i < threads; ++i) others.emplace_back(work);
        work();
    }
    report_operations(state, state.iterations() * threads * calls);
}

void add_gate(std::string const& name, std::shared_ptr<keel::gate> const& open,
              std::shared_ptr<keel::gate> const& shut)
{
    add(name, [open](benchmark::State& state) { granted(state, open); });
    add(name + "/refused", [shut](benchmark::State& state) { refused(state, shut); });
    for (std::size_t const threads : {1, 2})
        add_sized(name + "/threads", threads, [open](benchmark::State& state, std::size_t n) {
            hammered(state, open, n);
        })->UseRealTime();
}

std::shared_ptr<keel::gate> full_compartment()
{
    auto const b = compartment(1);
    static keel::permit const taken = b.try_acquire();
    return b.as_gate();
}

std::shared_ptr<keel::gate> spent_quota()
{
    keel::rate_limiter const l{{.permits = 1, .per = 24h}};
    (void)l.try_acquire();
    return l.as_gate();
}

[[maybe_unused]] bool const added = [] {
    add_gate("gate/bulkhead", compartment().as_gate(), full_compartment());
    add_gate("gate/rate_limiter", never_refusing().as_gate(), spent_quota());
    return true;
}();

} // namespace
} // namespace bench
