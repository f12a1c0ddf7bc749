// The same unit without Keel: bare Asio coroutines, and a timer by hand.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
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
    auto const executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, 1s);
    timer.async_wait([](boost::system::error_code) {});
    co_await charge(42);
    timer.cancel();
}

} // namespace

int main()
{
    asio::io_context context(1);
    asio::co_spawn(context, pay(), asio::detached); // nothing here fails
    context.run();
}
