#pragma once

#include <keel/async/call_context.hpp>
#include <keel/async/detail/errand.hpp>
#include <keel/async/detail/own_frame.hpp>
#include <keel/async/detail/result_slot.hpp>
#include <keel/async/detail/scope.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace keel::detail {

/// An errand and what came of it.
template <class T>
class errand : public errand_base
{
public:
    explicit errand(call_context context) : errand_base(std::move(context))
    {
        result.error.code = asio::error::operation_aborted; // unless something comes of it
    }

    result_slot<T> result;
};

template <class T, class Operation>
class errand_of final : public errand<T>
{
public:
    /// \param owner keeps the operation alive
    errand_of(std::shared_ptr<void const> owner, Operation& operation, call_context context)
        : errand<T>(std::move(context)),
          owner_(std::move(owner)),
          operation_(operation)
    {}

private:
    asio::awaitable<void> body() override
    {
        return body({}, std::static_pointer_cast<errand_of>(this->shared_from_this()));
    }

    static asio::awaitable<void> body(own_frame, std::shared_ptr<errand_of> self)
    {
        auto const here = co_await ask_surroundings();
        if (begin_scope(self->where(), here)) {
            try {
                if constexpr (std::is_void_v<T>) {
                    co_await self->operation_();
                    self->result.value.emplace();
                } else {
                    self->result.value.emplace(co_await self->operation_());
                }
            } catch (...) {
                self->result.capture();
            }
        }
        here.throw_if_cancelled(false); // or the spawn's own last step would throw
    }

    std::shared_ptr<void const> owner_;
    Operation& operation_;
};

/// Waits, on the caller's executor, and hands the end over as the operation's own.
template <class T>
asio::awaitable<T> await_errand(std::shared_ptr<errand<T>> what)
{
    auto const executor = co_await asio::this_coro::executor;
    auto const throws = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    auto const state = co_await asio::this_coro::cancellation_state;
    errand_wait place(executor, what);
    if (state.cancelled() != asio::cancellation_type::none) what->cancel_if_possible();
    try {
        place.listen(state.slot());
    } catch (std::bad_alloc const&) { // it runs already, and is not to be left behind
        what->cancel_if_possible();
    }
    if (place.begin()) co_await place.async_park(asio::deferred);
    co_await asio::this_coro::throw_if_cancelled(throws);
    auto& end = what->result;
    if (!end.value) {
        if (end.error.exception) std::rethrow_exception(std::move(end.error.exception));
        throw boost::system::system_error(end.error.code);
    }
    if constexpr (!std::is_void_v<T>) co_return *std::move(end.value);
}

} // namespace keel::detail
