#pragma once

#include "kit.hpp"

#include <string>

// What Keel and the hand-written peer share in W5: the host names, the order in which they are asked for, and
// how bytes and time are taken.

namespace bench {

inline std::vector<std::string> host_names(std::size_t n)
{
    std::vector<std::string> names(n);
    for (std::size_t i = 0; i < n; ++i)
        names[i] = "service-" + std::to_string(i) + ".prod.example.internal:8443";
    return names;
}

/// `fill(names)` makes a family with one breaker per name; `visit(family, name)` finds one, asks it and tells
/// it of a success. Bytes count the keys.
template <class Fill, class Visit>
void keyed(benchmark::State& state, std::size_t n, Fill fill, Visit visit)
{
    auto const names = host_names(n);
    constexpr std::size_t picks = 65'536;
    std::vector<std::uint32_t> pick(picks);
    std::mt19937 chance(1);
    for (auto& p : pick) p = static_cast<std::uint32_t>(chance() % n);

    auto const in_use = heap_in_use();
    auto const requested = allocated_here().bytes;
    auto family = fill(names);
    auto const each = 1.0 / static_cast<double>(n);
    auto const live = static_cast<double>(heap_in_use() - in_use) * each;
    auto const asked = static_cast<double>(allocated_here().bytes - requested) * each;

    std::size_t i = 0;
    tally const t;
    for (auto _ : state) visit(family, names[pick[i++ % picks]]);
    t.report(state, static_cast<std::uint64_t>(state.iterations()));
    state.counters["bytes"] = live;
    state.counters["requested_bytes"] = asked;
}

} // namespace bench
