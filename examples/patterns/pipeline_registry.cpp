// A registry: one pipeline for payments, by name; and one for each host, made when the host is first called.

#include "check.hpp"

#include <keel/keel.hpp>

#include <boost/asio/awaitable.hpp>

#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace asio = boost::asio;
using namespace std::chrono_literals;

// [usage]
/// The policies for one host. What they learn of it, they keep to themselves.
keel::pipeline policies_for_host(std::string_view)
{
    return keel::pipeline{
        keel::circuit_breaker{{.window = keel::consecutive_window{3}}},
        keel::timeout{{.limit = 1s}},
    };
}

void report(keel::pipeline_removed const& gone)
{
    for (auto const& policy : gone.lost)
        std::cout << gone.family << '/' << gone.key << ": " << policy.policy << " was " << policy.state
                  << '\n';
}

keel::pipeline_registry make_registry()
{
    keel::pipeline_registry registry{{.max_entries = 3, .on_removed = report}};
    registry.add("payments", keel::pipeline{keel::retry{}, keel::timeout{{.limit = 1s}}});
    registry.define("hosts", policies_for_host);
    return registry;
}
// [/usage]

keel::pipeline_registry const registry = make_registry();

asio::awaitable<int> call_host(std::string host)
{
    if (host == "broken") throw std::runtime_error("connection refused");
    co_return 200;
}

// [get]
asio::awaitable<bool> reach(std::string host)
{
    auto const policies = registry.get("hosts", host);
    auto const end = co_await policies.run(call_host, host);
    co_return end.ok();
}
// [/get]

// [entries]
void show_health()
{
    for (auto const& entry : registry.entries()) {
        std::cout << entry.name << (entry.key.empty() ? "" : "/") << entry.key;
        for (auto const& kept : entry.keeps) std::cout << ' ' << kept.policy << '=' << kept.state;
        std::cout << '\n';
    }
}
// [/entries]

asio::awaitable<void> example()
{
    for (auto i = 0; i < 3; ++i) (void)co_await reach("broken");
    check(co_await reach("healthy"), "another host has a circuit breaker of its own");
    show_health();

    for (auto i = 0; i < 10; ++i) (void)co_await reach("host-" + std::to_string(i));
    auto const hosts = registry.family("hosts");
    check(hosts.snapshot().entries == 3, "the family is bounded");
    check(hosts.contains("broken"), "and what it dropped is not the open circuit breaker");
    check(hosts.snapshot().lost_state == 0, "nothing was lost");

    try {
        (void)registry.at("paymnets");
        check(false, "an unknown name is an error");
    } catch (keel::unknown_name const& e) {
        std::cout << e.what() << '\n';
    }
}
