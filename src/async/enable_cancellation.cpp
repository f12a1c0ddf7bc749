#include <keel/async/enable_cancellation.hpp>

#include <keel/async/detail/scope.hpp>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

namespace keel {

boost::asio::awaitable<void> enable_cancellation(boost::asio::cancellation_type types)
{
    auto const executor = co_await boost::asio::this_coro::executor;
    auto state = co_await boost::asio::this_coro::cancellation_state;
    if (auto const found = detail::find_scope(executor, state.slot()); found.in) {
        found.in->enable(types);
        state.clear();
    } else {
        co_await boost::asio::this_coro::reset_cancellation_state(
            [types](boost::asio::cancellation_type asked) { return asked & types; });
    }
}

} // namespace keel
