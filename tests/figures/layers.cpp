// Retries in several layers multiply: so many attempts at the bottom for one call at the top. After "Site
// Reliability Engineering" (2016) and the Amazon Builders' Library.

#include "at_once.hpp"
#include "figure.hpp"

#include <keel/keel.hpp>
#include <keel/testing/simulation.hpp>

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace keel::figures {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto table = "Attempts at the bottom per call at the top, when all fail";

enum class reply
{
    failure
};

verdict judge(reply const&) { return verdict::failure; }

struct stack
{
    std::vector<pipeline> layers{};
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

struct size
{
    std::size_t layers;
    std::uint32_t attempts; ///< In each layer.
};

/// \param budget of each layer; `nullopt`: none
double amplified(size of, std::size_t calls, std::optional<retry_budget_options> const& budget)
{
    stack s;
    for (std::size_t i = 0; i < of.layers; ++i) {
        auto const retries = budget ? retry{at_once(of.attempts), retry_budget{*budget}}
                                    : retry{at_once(of.attempts), no_retry_budget};
        s.layers.emplace_back(retries, classifier{judge});
    }
    testing::simulation world;
    world.run(call_often(&s, calls));
    return static_cast<double>(s.attempts) / static_cast<double>(calls);
}

} // namespace

figure layers(json::value const& reference, extent how_much)
{
    std::size_t const calls = how_much == extent::all ? 1'000'000 : 20'000;
    retry_budget_options const tenth_of_requests{ratio_window{.min_per_second = 0, .ratio = 0.1}};
    retry_budget_options const by_default{};
    figure f;
    for (auto const& row : reference.as_array()) {
        size const of{row.at("layers").to_number<std::size_t>(),
                      row.at("attempts").to_number<std::uint32_t>()};
        auto const name =
            std::to_string(of.layers) + " layers of " + std::to_string(of.attempts) + " attempts";
        auto const bound = number(row, "at_most_with_budget");
        f.compare({table, name, "no budget"}, number(row, "without_budget"),
                  amplified(of, 1'000, std::nullopt), 0);
        f.at_most({table, name, "10 % of requests"}, bound, amplified(of, calls, tenth_of_requests));
        f.at_most({table, name, "default budget"}, bound, amplified(of, calls, by_default));
    }
    return f;
}

} // namespace keel::figures
