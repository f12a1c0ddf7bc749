// Retries in several layers multiply: so many attempts at the bottom for one call at the top. After "Site
// Reliability Engineering" (2016) and the Amazon Builders' Library.

#include "figure.hpp"

#include <keel/keel.hpp>
#include <keel/testing/simulation.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace keel::figures {
namespace {

using namespace std::chrono_literals;

constexpr auto model = "layers";

enum class reply
{
    failure
};

verdict judge(reply const&) { return verdict::failure; }

struct stack
{
    std::vector<pipeline> layers;
    std::size_t attempts = 0; ///< At the bottom.
};

asio::awaitable<reply> descend(stack* s, std::size_t depth)
{
    if (depth == s->layers.size()) {
        ++s->attempts;
        co_return reply::failure;
    }
    auto const end = co_await s->layers[depth](descend, s, depth + 1);
    co_return end;
}

asio::awaitable<void> call_often(stack* s, std::size_t calls)
{
    for (std::size_t i = 0; i < calls; ++i) {
        co_await sleep_for(1ms);
        co_await descend(s, 0);
    }
}

retry_options at_once(std::uint32_t attempts)
{
    retry_options o;
    o.max_attempts = attempts;
    o.backoff = constant{.base = 0ms};
    return o;
}

/// Attempts at the bottom for each call at the top, when nothing ever succeeds.
double amplified(std::size_t layers, std::size_t calls, retry (*make)(std::uint32_t), std::uint32_t attempts)
{
    stack s;
    for (std::size_t i = 0; i < layers; ++i) s.layers.emplace_back(make(attempts), classifier{judge});
    testing::simulation world;
    world.run(call_often(&s, calls));
    return static_cast<double>(s.attempts) / static_cast<double>(calls);
}

retry unbounded(std::uint32_t attempts) { return retry{at_once(attempts), no_retry_budget}; }

retry requests_pay(std::uint32_t attempts)
{
    return retry{at_once(attempts), retry_budget{{ratio_window{.min_per_second = 0, .ratio = 0.1}}}};
}

retry successes_pay(std::uint32_t attempts) { return retry{at_once(attempts), retry_budget{}}; }

} // namespace

void layers(json::value const& reference, extent how_much, report& table)
{
    std::size_t const calls = how_much == extent::all ? 1'000'000 : 20'000;
    struct setting
    {
        char const* key;
        std::size_t layers;
        std::uint32_t attempts;
        double bound;
    };
    for (auto const& each :
         {setting{"4_attempts_3_layers", 3, 4, 1.34}, setting{"3_attempts_5_layers", 5, 3, 1.62}}) {
        auto const where =
            std::to_string(each.layers) + " layers of " + std::to_string(each.attempts) + " attempts";
        table.compare(model, where, number(reference, each.key),
                      amplified(each.layers, 1'000, unbounded, each.attempts), 0);
        auto const at_most = [&](std::string const& budget, retry (*make)(std::uint32_t)) {
            auto const got = amplified(each.layers, calls, make, each.attempts);
            table.demand(model, where + budget, "at most " + show(each.bound), show(got, 3),
                         got <= each.bound);
        };
        at_most(", 10 % of requests", requests_pay);
        at_most(", paid by successes", successes_pay);
    }
}

} // namespace keel::figures
