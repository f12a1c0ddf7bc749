#include <keel/async/sleep.hpp>

#include <keel/async/detail/parking.hpp>
#include <keel/core/error.hpp>

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <utility>

namespace keel {
namespace {

class sleeper final : public detail::early_parking
{
public:
    using early_parking::early_parking;

    void start(time_point at)
    {
        if (at != time_point::max()) arm(at, context().time().now());
    }
    bool was_cancelled() const noexcept { return cancelled_; }

private:
    void reached() override { end(); }

    void cancelled() override
    {
        if (std::exchange(cancelled_, true)) return;
        disarm();
        end_soon();
    }

    bool cancelled_ = false;
};

[[noreturn]] void throw_aborted()
{
    throw boost::system::system_error(error_code(asio::error::operation_aborted));
}

} // namespace

// A coroutine that has switched `throw_if_cancelled` off gets here although it is cancelled already; no
// cancellation would come to end its sleep.
asio::awaitable<void> sleep_until(time_point at)
{
    auto const before = co_await asio::this_coro::cancellation_state;
    if (before.cancelled() != asio::cancellation_type::none) throw_aborted();
    auto const executor = co_await asio::this_coro::executor;
    sleeper bed(executor, detail::runtime::of(executor));
    bed.listen(before.slot());
    bed.start(at);
    co_await bed.async_park(asio::deferred);
    if (bed.was_cancelled()) throw_aborted();
}

asio::awaitable<void> sleep_for(duration d)
{
    auto const executor = co_await asio::this_coro::executor;
    co_await sleep_until(saturating_add(now(executor), d));
}

time_point now(asio::any_io_executor const& executor) { return detail::runtime::of(executor).time().now(); }

void seed(asio::execution_context& context, std::uint64_t value) { detail::runtime::of(context).seed(value); }

} // namespace keel
