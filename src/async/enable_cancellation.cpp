#include <keel/async/enable_cancellation.hpp>

#include <keel/async/detail/scope.hpp>

#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/this_coro.hpp>

namespace keel {
namespace {

namespace asio = boost::asio;
using asio::cancellation_type;
using asio::this_coro::reset_cancellation_state;

constexpr auto terminal = static_cast<unsigned>(cancellation_type::terminal);
constexpr auto partial = static_cast<unsigned>(cancellation_type::partial);
constexpr auto total = static_cast<unsigned>(cancellation_type::total);

/// Has no members, so that it fits where Asio's own was: Asio does not get over a lack of memory there.
template <unsigned types>
struct only
{
    cancellation_type operator()(cancellation_type asked) const noexcept
    {
        return asked & static_cast<cancellation_type>(types);
    }
};

} // namespace

asio::awaitable<void> enable_cancellation(cancellation_type types)
{
    auto const executor = co_await asio::this_coro::executor;
    auto state = co_await asio::this_coro::cancellation_state;
    if (auto* const where = detail::find_scope(executor, state.slot()); where && !where->was_left()) {
        where->enable(types);
        state.clear();
        co_return;
    }
    switch (static_cast<unsigned>(types) & (terminal | partial | total)) {
    case terminal: co_await reset_cancellation_state(only<terminal>()); break;
    case partial: co_await reset_cancellation_state(only<partial>()); break;
    case total: co_await reset_cancellation_state(only<total>()); break;
    case terminal | partial: co_await reset_cancellation_state(only<terminal | partial>()); break;
    case terminal | total: co_await reset_cancellation_state(only<terminal | total>()); break;
    case partial | total: co_await reset_cancellation_state(only<partial | total>()); break;
    case terminal | partial | total:
        co_await reset_cancellation_state(only<terminal | partial | total>());
        break;
    default: co_await reset_cancellation_state(only<0>());
    }
}

} // namespace keel
