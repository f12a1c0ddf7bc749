// The combined service: within three attempts, five seconds each, around a circuit breaker.

#include "check.hpp"

#include <keel/keel.hpp>

#include <iostream>
#include <string>

namespace asio = boost::asio;
using namespace std::chrono_literals;

// [service]
class inventory
{
public:
    /// The items of an order. Throws `boost::system::system_error` when the warehouse cannot be reached.
    asio::awaitable<int> count(int order) { return protected_(&inventory::ask_warehouse, this, order); }

private:
    asio::awaitable<int> ask_warehouse(int order)
    {
        if (++asked_ % 3 != 0) throw boost::system::system_error(asio::error::connection_reset);
        co_return order * 2;
    }

    int asked_ = 0;
    keel::pipeline protected_{
        {.name = "inventory"},
        keel::retry{{.max_attempts = 3, .backoff = keel::exponential{.base = 5ms}}},
        keel::timeout{{.limit = 5s}},
        keel::circuit_breaker{{.failure_ratio = 0.9, .open_for = 10s}},
    };
};
// [/service]

asio::awaitable<void> example()
{
    inventory service;
    auto const items = co_await service.count(21);
    std::cout << items << " items\n";
    check(items == 42, "two attempts fail and the third succeeds");
}
