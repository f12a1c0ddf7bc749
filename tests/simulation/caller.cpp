#include "caller.hpp"

#include "operation.hpp"
#include "spawn.hpp"

#include <keel/async/enable_cancellation.hpp>

#include <boost/asio/this_coro.hpp>

#include <exception>
#include <utility>

namespace keel::simulated {
namespace {

/// The caller gets ready; false: it was cancelled before it made the call.
asio::awaitable<void> prepare(book* b, std::uint32_t call, duration after)
{
    auto& record = b->calls[call];
    if (record.how.accepts_partial) co_await enable_cancellation(asio::cancellation_type::all);
    record.awaiting = true;
    if (after > duration::zero()) co_await sleep_for(after);
    record.began = b->now();
    if (record.how.limit) record.expires(saturating_add(record.began, *record.how.limit));
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
    end_of_call(book& b, std::uint32_t call)
        : book_(&b),
          call_(call),
          captured_(b.alive),
          awaited_(b.calls[call].awaiting_end)
    {}
    void operator()(std::exception_ptr thrown) const { book_->call_ended(call_, std::move(thrown)); }

private:
    book* book_;
    std::uint32_t call_;
    live captured_;
    live awaited_;
};

overrides wanted_by(manner const& how)
{
    overrides wanted;
    if (how.limit) wanted.limit(*how.limit);
    if (how.no_retry) wanted.no_retry();
    wanted.weight(how.weight);
    return wanted;
}

template <class T, class Pipeline>
asio::awaitable<void> begin(Pipeline const& through, book& b, std::uint32_t call, duration after)
{
    auto const work = owning(operation<T>(b, call));
    if (b.calls[call].how.by_outcome) return make_call<T>(&b, call, after, through.run(work));
    return make_plain_call<T>(&b, call, after, through(work));
}

template <class T>
asio::awaitable<void> begin(book& b, std::uint32_t call, duration after)
{
    auto const& record = b.calls[call];
    auto const through = b.through(record.stack);
    if (!record.how.overrides_something()) return begin<T>(through, b, call, after);
    return begin<T>(through.with(wanted_by(record.how)), b, call, after);
}

} // namespace

void start_call(asio::io_context& context, book& b, std::uint32_t call, duration after)
{
    auto& record = b.calls[call];
    auto const slot = record.signal ? record.signal->slot() : asio::cancellation_slot();
    auto work =
        record.how.carries_error ? begin<carried>(b, call, after) : begin<std::int64_t>(b, call, after);
    if (!record.how.in_scope) return spawn(context, std::move(work), slot, end_of_call(b, call));
    call_context about;
    if (record.how.scope_limit) {
        record.expires(b.now() + *record.how.scope_limit);
        about.deadline = *record.deadline;
    }
    spawn_in_scope(context, std::move(work), slot, end_of_call(b, call), about);
}

} // namespace keel::simulated
