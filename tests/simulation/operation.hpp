#pragma once

#include "book.hpp"
#include "live.hpp"
#include "ticket.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstdint>
#include <optional>
#include <type_traits>

namespace keel::simulated {

enum class behaviour : std::uint8_t
{
    ready,        ///< Ends without suspending.
    turns,        ///< Ends after some turns of the event loop.
    takes,        ///< Ends after a time, or when it is cancelled.
    hangs,        ///< Ends when it is cancelled (or after five minutes, where nobody would ever do so).
    gives,        ///< Hangs, and returns when it is cancelled.
    deaf,         ///< Takes a time, whether cancelled or not, and clears the coroutine's cancellation state.
    undisturbed,  ///< The same, but leaves the cancellation state alone.
    unwinds,      ///< Hangs, and takes a time to end when it is cancelled.
    before_await, ///< The function itself throws, before there is a coroutine.
    calls,        ///< Makes a call of its own through the inner stack, and ends as that does.
};

/// What one attempt of one call does: follows from the call's seed and the attempt's number.
struct act
{
    behaviour how = behaviour::ready;
    ending end = ending::value;
    duration time{};
    duration unwinding{};
    std::uint32_t turns = 0;
};

/// \param may_call whether there is an inner stack
act draw_act(call_record const&, std::uint32_t attempt, bool may_call);

template <class T>
asio::awaitable<T> perform(book*, std::uint32_t call, std::uint32_t attempt, act,
                           std::optional<pipeline> inner, live);

extern template asio::awaitable<std::int64_t> perform(book*, std::uint32_t, std::uint32_t, act,
                                                      std::optional<pipeline>, live);
extern template asio::awaitable<carried> perform(book*, std::uint32_t, std::uint32_t, act,
                                                 std::optional<pipeline>, live);

/// The function that a pipeline is given.
template <class T>
class operation
{
public:
    operation(book& b, std::uint32_t call) : book_(&b), call_(call), captured_(b.alive)
    {
        auto const& through = b.stacks[b.calls[call].stack];
        if (through.inner) inner_ = b.stacks[*through.inner].made;
    }

    asio::awaitable<T> operator()() const
    {
        auto const attempt = book_->operation_called(call_);
        auto const what = draw_act(book_->calls[call_], attempt, inner_.has_value());
        if (what.how == behaviour::before_await) throw users_mistake();
        return perform<T>(book_, call_, attempt, what, inner_, captured_);
    }

private:
    book* book_;
    std::uint32_t call_;
    std::optional<pipeline> inner_; ///< What its operation calls through, if it makes calls.
    live captured_;
};

} // namespace keel::simulated
