#include "caller.hpp"

#include "operation.hpp"
#include "spawn.hpp"

#include <boost/asio/this_coro.hpp>

#include <exception>
#include <utility>

namespace keel::simulated {
namespace {

std::optional<std::int64_t> number_in(std::int64_t const& value) { return value; }
std::optional<std::int64_t> number_in(carried const& value)
{
    return value.has_value() ? std::optional(*value) : std::nullopt;
}

template <class T>
seen_end see(outcome<T> const& end)
{
    seen_end seen;
    if (end.has_value()) seen.value = number_in(end.value());
    seen.ok = end.ok();
    seen.error = end.error();
    seen.threw = end.exception() != nullptr;
    seen.by = end.ended_by();
    seen.verdict = end.report().verdict;
    seen.attempts = end.attempts();
    seen.stopped = end.report().stopped;
    seen.policy = end.report().policy;
    return seen;
}

/// The caller gets ready; false: it was cancelled before it made the call.
asio::awaitable<void> prepare(book* b, std::uint32_t call, duration after)
{
    auto& record = b->calls[call];
    if (record.accepts_partial)
        co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    record.awaiting = true;
    if (after > duration::zero()) co_await sleep_for(after);
    record.began = b->now();
}

template <class T>
asio::awaitable<void> make_call(book* b, std::uint32_t call, duration after, asio::awaitable<outcome<T>> work)
{
    co_await prepare(b, call, after);
    auto const end = co_await std::move(work);
    b->call_reported(call, see(end));
}

template <class T>
asio::awaitable<void> make_plain_call(book* b, std::uint32_t call, duration after, asio::awaitable<T> work)
{
    co_await prepare(b, call, after);
    std::optional<T> result;
    std::exception_ptr thrown;
    try {
        result.emplace(co_await std::move(work));
    } catch (...) {
        thrown = std::current_exception();
    }
    if constexpr (std::is_same_v<T, carried>)
        if (result && result->has_error())
            thrown = std::make_exception_ptr(boost::system::system_error(result->error()));
    b->call_returned(call, result ? number_in(*result) : std::nullopt, thrown);
}

class end_of_call
{
public:
    end_of_call(book& b, std::uint32_t call) : book_(&b), call_(call), captured_(b.alive) {}
    void operator()(std::exception_ptr thrown) const { book_->call_ended(call_, std::move(thrown)); }

private:
    book* book_;
    std::uint32_t call_;
    live captured_;
};

template <class T>
asio::awaitable<void> begin(book& b, std::uint32_t call, bool by_outcome, duration after)
{
    auto const& through = *b.stacks[b.calls[call].stack].made;
    auto const work = owning(operation<T>(b, call));
    if (by_outcome) return make_call<T>(&b, call, after, through.run(work));
    return make_plain_call<T>(&b, call, after, through(work));
}

} // namespace

void start_call(asio::io_context& context, book& b, std::uint32_t call, bool by_outcome, duration after)
{
    auto& record = b.calls[call];
    auto const slot = record.signal ? record.signal->slot() : asio::cancellation_slot();
    auto work = record.carries_error ? begin<carried>(b, call, by_outcome, after)
                                     : begin<std::int64_t>(b, call, by_outcome, after);
    spawn_call(context, std::move(work), slot, end_of_call(b, call));
}

} // namespace keel::simulated
