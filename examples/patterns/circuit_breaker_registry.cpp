// Circuit breakers by key: one that is made when its key is first asked for, and a few bytes each.

#include "check.hpp"

#include <keel/keel.hpp>

#include <iostream>

namespace asio = boost::asio;
using namespace std::chrono_literals;

bool send_to(std::string_view host) { return host != "db-3"; }

// [usage]
void report(keel::circuit_breaker_removed const& gone)
{
    if (gone.was != keel::circuit_state::closed)
        std::cout << gone.key << " was " << to_string(gone.was) << " and had to make room\n";
}

keel::circuit_breaker_registry const hosts{{
    .breaker = {.name = "hosts", .window = keel::consecutive_window{.failures = 2}},
    .max_entries = 100'000,
    .on_removed = report,
}};

bool send(std::string_view host)
{
    auto permit = hosts.try_acquire(host);
    if (!permit) return false; // permit.error() says why, permit.retry_at() until when
    auto const ok = send_to(host);
    permit.settle(ok ? keel::verdict::success : keel::verdict::failure);
    return ok;
}
// [/usage]

asio::awaitable<int> rows_of(std::string host)
{
    if (!send_to(host)) throw std::runtime_error("connection refused");
    co_return 7;
}

asio::awaitable<void> example()
{
    for (auto call = 0; call < 3; ++call)
        for (auto const* const host : {"db-1", "db-2", "db-3"}) (void)send(host);
    for (auto const& entry : hosts.entries())
        std::cout << entry.key << ": " << to_string(entry.seen.state) << '\n';
    check(hosts.state("db-1") == keel::circuit_state::closed, "what is well goes on");
    check(hosts.state("db-3") == keel::circuit_state::open, "what is ill is left alone");

    // [pipeline]
    keel::pipeline const query{hosts.get("db-3"), keel::timeout{{.limit = 1s}}};
    auto const rows = co_await query.run(rows_of, std::string("db-3"));
    // [/pipeline]
    check(rows.error() == keel::errc::circuit_open, "a pipeline asks the same breaker");
}
