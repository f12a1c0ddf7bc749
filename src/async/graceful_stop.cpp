#include <keel/async/graceful_stop.hpp>

#include <keel/async/detail/live_calls.hpp>
#include <keel/async/detail/parking.hpp>
#include <keel/async/detail/runtime.hpp>
#include <keel/async/detail/scope.hpp>
#include <keel/async/sleep.hpp>
#include <keel/core/error.hpp>

#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace keel {
namespace {

/// Waits until no call is left, or for as long as it may.
class farewell final : public detail::early_parking
{
public:
    farewell(asio::any_io_executor const& executor, detail::live_calls& calls)
        : early_parking(executor, detail::runtime::of(executor)),
          calls_(calls)
    {}

    void begin(time_point until)
    {
        calls_.when_empty([this] { end_soon(); }); // first: the time may be over as soon as it is armed
        try {
            arm(until, context().time().now());
        } catch (...) {
            calls_.forget_when_empty();
            throw;
        }
    }
    bool was_cancelled() const noexcept { return cancelled_; }

private:
    // The calls may leave on other threads: whoever takes the word back is the one that resumes.
    void reached() override
    {
        if (calls_.forget_when_empty()) end();
    }
    void cancelled() override
    {
        cancelled_ = true;
        if (calls_.forget_when_empty()) end_soon();
    }
    void dropped() noexcept override { calls_.forget_when_empty(); }

    detail::live_calls& calls_;
    bool cancelled_ = false;
};

[[noreturn]] void throw_aborted()
{
    throw boost::system::system_error(error_code(asio::error::operation_aborted));
}

/// One at a time: two would wait for the same word.
class draining
{
public:
    explicit draining(detail::live_calls& calls) : calls_(calls)
    {
        if (!calls.begin_draining())
            throw std::logic_error("keel::graceful_stop: another drain of this context is under way");
    }
    draining(draining const&) = delete;
    draining& operator=(draining const&) = delete;
    ~draining() { calls_.drained(); }

private:
    detail::live_calls& calls_;
};

/// Where the end of the time and the word of the last call are told one after the other. An `io_context`'s
/// own executor is taken as it is, for there the word needs no memory.
asio::any_io_executor serial(asio::any_io_executor const& executor)
{
    if (detail::plain_executor(executor)) return executor;
    return asio::make_strand(executor);
}

asio::awaitable<void> wait(detail::live_calls& calls, duration at_most)
{
    auto const own = co_await asio::this_coro::executor;
    auto const executor = serial(own);
    if (calls.size() == 0 || at_most <= duration::zero()) co_return;
    auto const state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) throw_aborted(); // as in `sleep_until`
    farewell last(executor, calls);
    auto const until = saturating_add(now(executor), at_most);
    last.listen(state.slot());
    last.begin(until);
    co_await last.async_park(asio::deferred);
    if (last.was_cancelled()) throw_aborted();
}

} // namespace

graceful_stop::graceful_stop(asio::execution_context& context) : home_(&detail::runtime::of(context))
{
    home_->keep_track_of_calls();
}

std::size_t graceful_stop::calls() const { return home_->live()->size(); }

asio::awaitable<drain_report> graceful_stop::drain(drain_options options) const
{
    auto& calls = *home_->live();
    draining const alone(calls);
    auto const began = home_->time().now();
    calls.close();
    co_await wait(calls, options.grace);
    if (calls.size() > 0) {
        calls.call_off_all();
        co_await wait(calls, options.unwind);
    }
    auto const ended = calls.ended();
    drain_report report;
    report.finished = ended.by_themselves;
    report.cancelled = ended.called_off;
    report.left = calls.size();
    report.took = saturating_sub(home_->time().now(), began);
    co_return report;
}

} // namespace keel
