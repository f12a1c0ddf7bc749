#include "operation.hpp"

#include "plenty.hpp"

#include "stream.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <stdexcept>

namespace keel::simulated {
namespace {

using namespace std::chrono_literals;

ending draw_ending(stream& random, weather const& sky)
{
    if (!random.per_mille(sky.errors))
        return random.one_in(12) ? static_cast<ending>(random.between(1, 4)) : ending::value;
    return random.one_in(2) ? ending::error : static_cast<ending>(random.between(6, 8));
}

behaviour draw_behaviour(stream& random, weather const& sky, bool may_call)
{
    if (may_call && random.one_in(3)) return behaviour::calls;
    if (random.per_mille(sky.odd)) return static_cast<behaviour>(random.between(3, 8));
    return static_cast<behaviour>(random.below(3));
}

/// One run of an operation, from its first step to the end of its frame.
class presence
{
public:
    presence(book& b, std::uint32_t call) : book_(&b), call_(call) { book_->operation_begins(call_); }
    presence(presence const&) = delete;
    presence& operator=(presence const&) = delete;
    ~presence() { book_->operation_is_gone(call_); }

private:
    book* book_;
    std::uint32_t call_;
};

/// False: cancelled before the end.
asio::awaitable<bool> sleep_through(time_point end)
{
    auto whole = true;
    try {
        co_await sleep_until(end);
    } catch (boost::system::system_error const&) {
        whole = false;
    }
    co_return whole;
}

/// Sleeps in a coroutine that nobody can cancel.
asio::awaitable<void> sleep_undisturbed(time_point end)
{
    auto const executor = co_await asio::this_coro::executor;
    co_await asio::this_coro::throw_if_cancelled(false);
    asio::cancellation_slot const none;
    auto work = sleep_until(end);
    auto asleep =
        asio::co_spawn(executor, std::move(work), asio::bind_cancellation_slot(none, asio::use_awaitable));
    co_await std::move(asleep);
}

[[noreturn]] void abort_operation()
{
    throw boost::system::system_error(error_code(asio::error::operation_aborted));
}

template <class T>
T conclude(book& b, std::uint32_t call, std::uint32_t attempt, ending end)
{
    ticket const mine{call, attempt % 16, end};
    switch (end) {
    case ending::text: throw std::runtime_error("the dependency said no");
    case ending::error:
    case ending::error_with_hint:
    case ending::error_ignored:
        if constexpr (std::is_same_v<T, carried>)
            return error_of(mine);
        else
            throw boost::system::system_error(error_of(mine));
    default: b.operation_gave(call, mine); return std::int64_t{mine.pack()};
    }
}

/// Opens the record of a call that an operation makes.
std::uint32_t open_inner_call(book& b, std::uint32_t outer, std::uint32_t attempt, time_point deadline)
{
    plenty const memory;
    auto const& from = b.calls[outer];
    auto const number = static_cast<std::uint32_t>(b.calls.size());
    auto& record = b.open_call(*b.stacks[from.stack].inner, stream(from.seed, attempt + 1000).word());
    record.sky = from.sky;
    record.how.carries_error = from.how.carries_error;
    record.how.in_scope = true; // for all we know
    record.is_inner = true;
    record.began = b.now();
    if (deadline != time_point::max()) record.expires(deadline);
    return number;
}

/// Makes a call of its own. \returns whether that went well
template <class T>
asio::awaitable<bool> call_inside(book* b, std::uint32_t outer, std::uint32_t attempt, pipeline through)
{
    auto const known = co_await this_call();
    auto const call = open_inner_call(*b, outer, attempt, known.deadline);
    auto const work = owning(operation<T>(*b, call));
    std::exception_ptr thrown;
    auto is_good = false;
    try {
        auto const end = co_await through.run(work);
        is_good = end.ok();
        b->call_reported(call, see(end));
    } catch (...) {
        thrown = std::current_exception();
    }
    b->call_ended(call, thrown);
    auto& record = b->calls[outer];
    record.hid = record.hid || b->calls[call].hid;
    if (thrown) std::rethrow_exception(thrown);
    co_return is_good;
}

/// Whether a call's operations can be cancelled by nobody but the caller.
bool has_limit(book const& b, call_record const& of)
{
    return of.deadline || b.stacks[of.stack].has(kind::timeout);
}

/// Whether its operations may be awaited in place, where they can hide a cancellation.
bool may_be_in_place(book const& b, call_record const& of)
{
    return !b.stacks[of.stack].sends() && (of.how.in_scope || !has_limit(b, of));
}

} // namespace

act draw_act(call_record const& of, std::uint32_t attempt, bool may_call)
{
    stream random(of.seed, attempt);
    act what;
    what.end = draw_ending(random, of.sky);
    what.how = draw_behaviour(random, of.sky, may_call);
    what.turns = random.between(1, 4);
    what.time = random.per_mille(of.sky.slow) ? random.milliseconds(0, 100) : random.milliseconds(0, 10);
    what.unwinding = random.milliseconds(0, 30);
    return what;
}

template <class T>
asio::awaitable<T> perform(book* b, std::uint32_t call, std::uint32_t attempt, act what,
                           std::optional<pipeline> inner, live)
{
    auto& record = b->calls[call];
    presence const here(*b, call);
    auto const now = b->now();
    auto const long_after = has_limit(*b, record) ? time_point::max() : now + 5min;
    auto const end = now + what.time;
    auto heard = false;
    switch (what.how) {
    case behaviour::ready:
    case behaviour::before_await: break;
    case behaviour::turns:
        for (auto i = 0U; i < what.turns; ++i) {
            auto const executor = co_await asio::this_coro::executor;
            co_await asio::post(executor, asio::deferred);
        }
        break;
    case behaviour::takes: co_await sleep_until(end); break;
    case behaviour::hangs: co_await sleep_until(long_after); break;
    case behaviour::gives: heard = !co_await sleep_through(long_after); break;
    case behaviour::deaf:
        for (auto slept = false; !slept;) {
            slept = co_await sleep_through(end);
            if (slept) break;
            record.hid = record.hid || may_be_in_place(*b, record);
            co_await asio::this_coro::reset_cancellation_state();
        }
        break;
    case behaviour::undisturbed: co_await sleep_undisturbed(end); break;
    case behaviour::unwinds:
        heard = !co_await sleep_through(long_after);
        if (heard) {
            co_await asio::this_coro::throw_if_cancelled(false); // else a cancelled coroutine awaits nothing
            auto const unwound = b->now() + what.unwinding;
            co_await sleep_undisturbed(unwound);
            abort_operation();
        }
        break;
    case behaviour::calls: {
        auto work = call_inside<T>(b, call, attempt, *inner);
        auto const is_good = co_await std::move(work);
        what.end = is_good ? what.end : ending::error;
        break;
    }
    }
    co_return conclude<T>(*b, call, attempt, what.end);
}

template asio::awaitable<std::int64_t> perform(book*, std::uint32_t, std::uint32_t, act,
                                               std::optional<pipeline>, live);
template asio::awaitable<carried> perform(book*, std::uint32_t, std::uint32_t, act, std::optional<pipeline>,
                                          live);

} // namespace keel::simulated
