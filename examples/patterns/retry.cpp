// Retry with growing, jittered pauses, within a budget that all callers of one target share.

#include "check.hpp"

#include <keel/keel.hpp>

#include <iostream>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

asio::awaitable<std::string> fetch(std::string key, int& calls)
{
    if (++calls < 3) throw boost::system::system_error(asio::error::connection_reset);
    co_return key + " = 42";
}

asio::awaitable<void> example()
{
    // [usage]
    keel::retry_budget budget{{.kind = keel::success_bucket{.size = 10, .deposit = 0.2}}};
    keel::retry again{
        {
            .max_attempts = 4,
            .backoff = keel::exponential{.base = 10ms, .cap = 1s, .jitter = keel::jitter::full},
            .retry_if = [](keel::failure const& why) { return why.code != asio::error::access_denied; },
        },
        budget,
    };
    keel::pipeline reads{again, keel::timeout{{.limit = 500ms}}};
    // [/usage]

    auto calls = 0;
    auto const end = co_await reads.run([&] { return fetch("answer", calls); });
    std::cout << end.value() << ", after " << end.attempts() << " attempts\n";
    check(end.attempts() == 3, "it fails twice");

    // [earlier]
    for (auto const& attempt : end.report().earlier)
        std::cout << explain(attempt) << ", again after " << attempt.pause / 1ms << " ms\n";
    // [/earlier]
    check(end.report().earlier.size() == 2, "both are listed");

    auto const executor = co_await asio::this_coro::executor;
    auto const left = budget.snapshot(keel::now(executor)).available;
    std::cout << left << " retries are left in the budget\n";
    check(left == 8, "each retry costs one");
}
