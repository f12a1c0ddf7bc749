// W5: breakers by host name, each with a window of 100 outcomes.

#include "keyed.hpp"
#include "subjects.hpp"

#include <unordered_map>

namespace bench {
namespace {

/// The one place that knows how breakers are kept by name.
class family
{
public:
    explicit family(std::vector<std::string> const& names)
    {
        for (auto const& name : names) breakers_.try_emplace(name, breaker());
    }

    keel::circuit_breaker const& at(std::string const& name) const { return breakers_.find(name)->second; }

private:
    std::unordered_map<std::string, keel::circuit_breaker> breakers_;
};

void breakers(benchmark::State& state, std::size_t n)
{
    auto const now = keel::steady_now();
    keyed(
        state, n, [](auto const& names) { return family(names); },
        [now](family const& all, std::string const& name) {
            auto permit = all.at(name).try_acquire(now);
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
