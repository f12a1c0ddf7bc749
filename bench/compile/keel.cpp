// What a user writes: one pipeline, one call. Compiled by bench/compile_cost.py beside asio.cpp.

#include <keel/keel.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

asio::awaitable<int> charge(int amount)
{
    co_await asio::post(asio::use_awaitable);
    co_return amount;
}

asio::awaitable<void> pay()
{
    keel::pipeline payments{keel::retry{{.max_attempts = 3}}, keel::circuit_breaker{},
                            keel::timeout{{.limit = 1s}}};
    co_await payments(charge, 42);
}

} // namespace

int main()
{
    asio::io_context context(1);
    asio::co_spawn(context, pay(), asio::detached); // nothing here fails
    context.run();
}
