// W1h: the operation suspends once, and 64 calls are in flight: timers are really armed, frames really live.

#include "subjects.hpp"

namespace bench {
namespace {

asio::awaitable<void> bare_often(std::uint64_t calls)
{
    for (; calls != 0; --calls) {
        auto const value = co_await hop();
        benchmark::DoNotOptimize(value);
    }
}

void bare(benchmark::State& state) { run_crowd(state, plain_spawn{}, in_flight, bare_often); }

void bare_alone(benchmark::State& state) { run_crowd(state, plain_spawn{}, alone, bare_often); }

void add_pipeline(std::string const& name, keel::pipeline const& p)
{
    auto const make = [p](std::uint64_t calls) { return call_often(p, hop, calls); };
    add(name, [make](benchmark::State& state) { run_crowd(state, spawn_in_scope{}, in_flight, make); });
    add(name + "/alone",
        [make](benchmark::State& state) { run_crowd(state, spawn_in_scope{}, alone, make); });
    add(name + "/no_scope",
        [make](benchmark::State& state) { run_crowd(state, plain_spawn{}, in_flight, make); });
}

[[maybe_unused]] bool const added = [] {
    add("w1h/bare", bare);
    add("w1h/bare/alone", bare_alone);
    add_pipeline("w1h/timeout", keel::pipeline{limit()});
    add_pipeline("w1h/five", five_policies());
    return true;
}();

} // namespace
} // namespace bench
