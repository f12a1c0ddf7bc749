#pragma once

#include <keel/async/call_context.hpp>
#include <keel/async/detail/frame_pool.hpp>
#include <keel/async/detail/own_frame.hpp>
#include <keel/async/detail/parking.hpp>
#include <keel/async/detail/result_slot.hpp>
#include <keel/async/detail/runtime.hpp>
#include <keel/async/detail/scope.hpp>
#include <keel/async/detail/work.hpp>
#include <keel/core/error.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>

#include <memory>
#include <utility>

namespace keel::detail {

/// One run of an operation in a scope of its own, so that it can be cancelled without cancelling the caller,
/// and left behind if need be. Used on the caller's executor only, and spawned there, so that the
/// body starts inside the spawn; that and the order of things below avoid four defects of Asio 1.26 (see
/// docs/adr/0005).
class attempt_base
{
public:
    /// \param context what the operation may know of its call
    attempt_base(asio::any_io_executor const& executor, call_context context);
    attempt_base(attempt_base const&) = delete;
    attempt_base& operator=(attempt_base const&) = delete;
    virtual ~attempt_base() = default;

    /// The operation has given a result.
    bool finished() const noexcept { return finished_; }

    /// Asks the operation to stop, the first time. It may end inside this call, and resume the waiting
    /// coroutine.
    void cancel();

    /// `who` is resumed when the attempt is over, or dropped if it is destroyed unfinished. Null: nobody
    /// waits.
    void waited_for_by(parking* who) noexcept { waiting_ = who; }

    /// Kept until the operation has really ended.
    std::shared_ptr<void> luggage;

protected:
    void finish() noexcept { finished_ = true; }
    /// The spawn itself still runs. Whatever ends in there would wait in the queue for its last step, and its
    /// memory with it, unless the coroutine is resumed once before that.
    bool is_being_spawned() const noexcept { return being_spawned_; }

    /// Spawns the body in the scope. Compiled once for all results: a spawn is a large template.
    static void spawn(std::shared_ptr<attempt_base> self, asio::awaitable<void> body);

    scope_lease scope_;

private:
    class end;

    parking* waiting_ = nullptr;
    bool finished_ = false;
    bool cancel_wanted_ = false;
    bool being_spawned_ = true;
};

template <class T>
class attempt final : public attempt_base
{
public:
    /// \param owned kept alive until the operation has ended
    static std::shared_ptr<attempt> start(asio::any_io_executor const& executor, call_context context,
                                          work<T> what, std::shared_ptr<void const> owned)
    {
        auto self = std::allocate_shared<attempt>(pool_allocator<attempt>(), executor, std::move(context));
        spawn(self, body({}, self, std::move(what), std::move(owned)));
        return self;
    }

    using attempt_base::attempt_base;

    result_slot<T> result;

private:
    static asio::awaitable<void> body(own_frame, std::shared_ptr<attempt> self, work<T> what,
                                      [[maybe_unused]] std::shared_ptr<void const> owned)
    {
        auto const here = co_await ask_surroundings();
        if (begin_scope(self->scope_.ref(), here)) {
            try {
                if constexpr (std::is_void_v<T>) {
                    co_await what.start();
                    self->result.value.emplace();
                } else {
                    self->result.value.emplace(co_await what.start());
                }
            } catch (...) {
                self->result.capture();
            }
        } else {
            self->result.error.code = asio::error::operation_aborted;
        }
        self->finish();
        here.throw_if_cancelled(false); // or the spawn's own last step would throw
        if (self->is_being_spawned()) co_await asio::dispatch(asio::deferred);
    }
};

} // namespace keel::detail
