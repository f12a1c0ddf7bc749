// W5: breakers by host name, each with a window of 100 outcomes.

#include "keyed.hpp"
#include "subjects.hpp"

namespace bench {
namespace {

void breakers(benchmark::State& state, std::size_t n)
{
    auto const now = keel::steady_now();
    auto const fill = [&](auto const& names) {
        keel::circuit_breaker_registry all{
            {.breaker = {.window = keel::count_window{.size = 100}}, .max_entries = n}};
        for (auto const& name : names) all.try_acquire(name, now).settle(keel::verdict::ignored, now);
        return all;
    };
    keyed(state, n, fill, [now](keel::circuit_breaker_registry const& all, std::string const& name) {
        auto permit = all.try_acquire(name, now);
        benchmark::DoNotOptimize(permit);
        permit.settle(keel::verdict::success, now);
    });
}

[[maybe_unused]] bool const added = [] {
    for (std::size_t const n : {10'000, 100'000}) add_sized("w5/breakers", n, breakers, 300'000);
    return true;
}();

} // namespace
} // namespace bench
