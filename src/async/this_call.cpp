#include <keel/async/this_call.hpp>

#include <keel/async/detail/scope.hpp>

#include <boost/asio/this_coro.hpp>

namespace keel {

boost::asio::awaitable<call_context> this_call()
{
    auto const executor = co_await boost::asio::this_coro::executor;
    auto const state = co_await boost::asio::this_coro::cancellation_state;
    auto const* const where = detail::find_scope(executor, state.slot());
    if (!where) co_return call_context();
    co_return where->describe();
}

} // namespace keel
