#include <keel/async/this_call.hpp>

#include <keel/async/detail/scope.hpp>

#include <boost/asio/this_coro.hpp>

namespace keel {

boost::asio::awaitable<call_context> this_call()
{
    auto const executor = co_await boost::asio::this_coro::executor;
    auto const state = co_await boost::asio::this_coro::cancellation_state;
    auto const found = detail::find_scope(executor, state.slot());
    if (found.in) co_return found.in->describe();
    co_return found.left ? found.left->context : call_context();
}

} // namespace keel
