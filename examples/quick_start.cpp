// [program]
#include <keel/keel.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <iostream>

namespace asio = boost::asio;
using namespace std::chrono_literals;

keel::pipeline payments{
    keel::timeout{{.limit = 5s}}, // the whole call
    keel::retry{{.max_attempts = 3, .backoff = keel::exponential{.base = 50ms, .cap = 1s}}},
    keel::circuit_breaker{{.failure_ratio = 0.5, .open_for = 10s}},
    keel::bulkhead{{.max_concurrent = 10, .max_queue = 50}},
    keel::timeout{{.limit = 800ms}}, // each attempt
};

asio::awaitable<int> charge(int amount) // what may fail; here it fails twice
{
    static int calls = 0;
    if (++calls < 3) throw std::runtime_error("connection reset");
    co_return amount;
}

asio::awaitable<void> pay(int amount)
{
    int const charged = co_await payments(charge, amount);
    std::cout << "charged " << charged << '\n';
}

int main()
{
    asio::io_context context(1);
    asio::co_spawn(context, pay(42), [](std::exception_ptr e) {
        if (e) std::rethrow_exception(e);
    });
    context.run();
}
// [/program]
