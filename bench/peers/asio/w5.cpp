// W5 by hand: breakers of 32 bytes by host name, in an unordered_map; and the floor, a flat map of views into
// an array.

#include "keyed.hpp"
#include "policies.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <string_view>
#include <unordered_map>

namespace peer {
namespace {

void visit(breaker& b)
{
    bool const allowed = b.allow(0);
    benchmark::DoNotOptimize(allowed);
    b.record(false, 0);
}

void node_map(benchmark::State& state, std::size_t n)
{
    using family = std::unordered_map<std::string, breaker>;
    bench::keyed(
        state, n,
        [](auto const& names) {
            family all;
            for (auto const& name : names) all.try_emplace(name);
            return all;
        },
        [](family& all, std::string const& name) { visit(all.find(name)->second); });
}

/// The keys are kept once, one after the other.
struct flat_family
{
    std::string keys;
    boost::unordered_flat_map<std::string_view, std::uint32_t> index;
    std::vector<breaker> breakers;
};

flat_family fill(std::vector<std::string> const& names)
{
    flat_family all;
    std::size_t length = 0;
    for (auto const& name : names) length += name.size();
    all.keys.reserve(length);
    all.index.reserve(names.size());
    all.breakers.reserve(names.size());
    for (auto const& name : names) {
        std::string_view const key(all.keys.data() + all.keys.size(), name.size());
        all.keys += name;
        all.index.emplace(key, static_cast<std::uint32_t>(all.breakers.size()));
        all.breakers.emplace_back();
    }
    return all;
}

void flat_map(benchmark::State& state, std::size_t n)
{
    bench::keyed(state, n, fill, [](flat_family& all, std::string const& name) {
        visit(all.breakers[all.index.find(name)->second]);
    });
}

[[maybe_unused]] bool const added = [] {
    for (std::size_t const n : {10'000, 100'000}) {
        bench::add_sized("w5/breakers", n, node_map, 300'000);
        bench::add_sized("w5/flat", n, flat_map, 300'000);
    }
    return true;
}();

} // namespace
} // namespace peer
