#pragma once

#include <keel/async/call_context.hpp>
#include <keel/core/time.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>

namespace keel::detail {

namespace asio = boost::asio;

class runtime;
class scope_pool;

/// A pipeline's call that is on its way in a scope: what those inside it inherit.
struct scoped_call
{
    time_point until = time_point::max(); ///< The earliest limit it is inside of.
    std::uint32_t attempts = 0;
    std::string const* idempotency_key = nullptr; ///< The call's own, if it has one.
    bool wants_cancel = false;                    ///< It has cancelled everything inside itself.
    scoped_call* outer = nullptr;
};

/// The root of a coroutine that Keel has started: the signal that cancels it, and what its calls inherit.
///
/// A pipeline that finds itself in a scope cuts an operation short through this signal, where it would else
/// have to spawn. It finds the scope by the coroutine's executor, and knows by the cancellation slot that it
/// is not some other coroutine that was given the same executor. That slot is known for as long as the
/// coroutine has the `scope_filter` that came with it: one that installs a filter of its own has left.
///
/// Lives in a pool and is used again; see `scope_ref`. Everything but `generation` and `slots` belongs to the
/// coroutine's executor.
class scope
{
public:
    explicit scope(runtime& of) noexcept : home(of) {}

    runtime& home;                  ///< Of the context whose pool it is from.
    asio::any_io_executor executor; ///< The coroutine's.
    std::atomic<std::uint64_t> generation{0};
    std::atomic<std::uint64_t> slots{0}; ///< Counts those that it has known.
    asio::cancellation_signal root;
    call_context context;
    scoped_call* innermost = nullptr;

    /// The coroutine has begun. False: it was cancelled before and must not do anything.
    bool begin() noexcept
    {
        started_ = true;
        return !cancelled_by_caller();
    }
    /// It has its `scope_filter`, and this slot.
    void know_slot(asio::cancellation_slot own) noexcept
    {
        slot_ = own;
        is_known_ = true;
    }

    /// Whether this is the scope of the coroutine whose cancellation slot this is.
    bool is_of(asio::cancellation_slot const& of) const noexcept { return is_known_ && slot_ == of; }
    /// Whether the coroutine has begun, and has a filter of its own by now.
    bool was_left() const noexcept { return !is_known_ && started_; }
    /// The memory of the coroutine's slot goes.
    void forget_slot() noexcept
    {
        is_known_ = false;
        slots.fetch_add(1, std::memory_order_release);
    }

    /// What the coroutine lets through of what is asked of it.
    asio::cancellation_type let_through(asio::cancellation_type type) const noexcept
    {
        return type & enabled_;
    }
    /// From now on these, and what was asked before is forgotten.
    void enable(asio::cancellation_type types) noexcept
    {
        enabled_ = types;
        asked_ = asio::cancellation_type::none;
    }

    /// Cancels from outside: whoever started the coroutine does not want it any more. Asio 1.26 cannot cancel
    /// a coroutine that has not begun: it would lose the completion.
    void cancel(asio::cancellation_type type)
    {
        asked_ = asked_ | let_through(type);
        if (started_) root.emit(type);
    }

    bool cancelled_by_caller() const noexcept { return asked_ != asio::cancellation_type::none; }
    /// The coroutine goes on as if nobody had cancelled it.
    void forgive() noexcept
    {
        if (cancelled_by_caller()) asked_ = asio::cancellation_type::none;
    }

    /// Whether anybody further out than this call wants what is inside to stop.
    bool is_cancelled_above(scoped_call const& call) const noexcept
    {
        if (cancelled_by_caller()) return true;
        for (auto const* c = call.outer; c; c = c->outer)
            if (c->wants_cancel) return true;
        return false;
    }

    /// The earliest deadline of all that encloses what runs now.
    time_point deadline() const noexcept { return innermost ? innermost->until : context.deadline; }
    /// What the coroutine knows at this moment; what it brought along, when it has left.
    call_context describe() const;
    /// The scope was started inside another and belongs to it: it cannot outlast its deadline, and what it
    /// was not told, it takes over.
    void inherit(scope const& from);

    void enter(scoped_call& call) noexcept
    {
        call.outer = innermost;
        innermost = &call;
    }
    void leave(scoped_call& call) noexcept { innermost = call.outer; }

    /// Makes ready for the next coroutine. What refers to this one finds nothing from here on.
    void retire() noexcept;

private:
    asio::cancellation_slot slot_;
    asio::cancellation_type enabled_ = asio::cancellation_type::terminal; ///< Asio's own default.
    asio::cancellation_type asked_ = asio::cancellation_type::none;       ///< And let through.
    bool started_ = false;
    bool is_known_ = false; ///< The slot.
};

/// Refers to a scope for as long as it is the same scope. Use only while its context lives.
struct scope_ref
{
    scope* where = nullptr;
    std::uint64_t generation = 0;

    scope* get() const noexcept
    {
        return where && where->generation.load(std::memory_order_acquire) == generation ? where : nullptr;
    }

    friend bool operator==(scope_ref const&, scope_ref const&) = default;
};

/// The cancellation filter of a scope's coroutine. Asio keeps it beside the memory of the coroutine's slot
/// and destroys it when that goes, because the coroutine installs another filter. The next coroutine may get
/// that memory, and would be taken for this one.
class scope_filter
{
public:
    explicit scope_filter(scope_ref of) noexcept : of_(of) {}
    scope_filter(scope_filter&& other) noexcept : of_(std::exchange(other.of_, {})) {}
    scope_filter& operator=(scope_filter&&) = delete;
    ~scope_filter()
    {
        if (auto* const scope = of_.get()) scope->forget_slot();
    }

    asio::cancellation_type operator()(asio::cancellation_type type) const noexcept
    {
        auto const* const scope = of_.get();
        return scope ? scope->let_through(type) : asio::cancellation_type::none;
    }

private:
    scope_ref of_;
};

/// Makes the coroutine that asks the one of the scope. False: it must not do anything.
/// \param here its `surroundings`
template <class Surroundings>
bool begin_scope(scope_ref where, Surroundings const& here) noexcept
{
    try {
        here.filter_cancellation(scope_filter(where));
        where.where->know_slot(here.cancellation().slot());
    } catch (
        std::bad_alloc const&) { // It is as one that has left. The filter it had is gone, and fits in again.
        here.filter_cancellation(asio::enable_terminal_cancellation());
    }
    return where.where->begin();
}

/// Owns a scope for one coroutine. Move-only.
class scope_lease
{
public:
    scope_lease() = default;
    /// \param executor of the coroutine that is to be in the scope
    scope_lease(std::shared_ptr<scope_pool> from, asio::any_io_executor const& executor);
    scope_lease(scope_lease&& other) noexcept = default;
    scope_lease& operator=(scope_lease&&) = delete;
    ~scope_lease();

    scope& operator*() const noexcept { return *held_; }
    scope* operator->() const noexcept { return held_; }
    scope_ref ref() const noexcept { return {held_, held_->generation.load(std::memory_order_relaxed)}; }

private:
    std::shared_ptr<scope_pool> pool_;
    scope* held_ = nullptr;
};

/// The scope that an executor was made for, if it was.
scope_ref scope_of(asio::any_io_executor const&) noexcept;

/// The scope of the coroutine that has this executor and this cancellation slot. Null: it is not in one. One
/// that `was_left` is known by the executor alone: the coroutine may have been its own, and has its context.
scope* find_scope(asio::any_io_executor const&, asio::cancellation_slot const&) noexcept;
/// The same without asking for the executor, which is a copy: if this thread has found the scope lately. None
/// that was left.
scope* recall_scope(asio::cancellation_slot const&) noexcept;

/// The executor of an `io_context` inside this one. Nothing: it is of another kind, a strand for instance.
std::optional<asio::io_context::executor_type> plain_executor(asio::any_io_executor const&) noexcept;

/// The same executor, but one by which coroutines find the scope. What is a scope's own executor already is
/// taken out of that scope first.
asio::any_io_executor in_scope(asio::any_io_executor const&, scope_ref);

} // namespace keel::detail
