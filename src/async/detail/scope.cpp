#include <keel/async/detail/scope.hpp>

#include <keel/async/detail/runtime.hpp>
#include <keel/async/detail/scope_executor.hpp>
#include <keel/async/detail/scope_pool.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

namespace keel::detail {
namespace {

/// Calls `visit` with the concrete executor inside `executor` if it is one of these, else with itself. A
/// scope executor around an erased executor works too, but every suspension costs a second erasure.
template <class Visitor>
asio::any_io_executor with_concrete(asio::any_io_executor const& executor, Visitor visit)
{
    if (auto const* e = executor.target<asio::io_context::executor_type>()) return visit(*e);
    if (auto const* e = executor.target<asio::strand<asio::io_context::executor_type>>()) return visit(*e);
    if (auto const* e = executor.target<asio::thread_pool::executor_type>()) return visit(*e);
    return visit(executor);
}

/// The scope executor inside `executor`, given to `visit`. False: there is none.
template <class Visitor>
bool visit_scope_executor(asio::any_io_executor const& executor, Visitor visit)
{
    auto const try_as = [&]<class Inner>(std::type_identity<Inner>) {
        auto const* const found = executor.target<scope_executor<Inner>>();
        if (found) visit(*found);
        return found != nullptr;
    };
    return try_as(std::type_identity<asio::io_context::executor_type>()) ||
           try_as(std::type_identity<asio::strand<asio::io_context::executor_type>>()) ||
           try_as(std::type_identity<asio::thread_pool::executor_type>()) ||
           try_as(std::type_identity<asio::any_io_executor>());
}

/// A scope that this thread has found lately, and its coroutine's slot. The scope may be in use on another
/// thread by now, so nothing of it is read but the number of its slots. While that is the same, so is the
/// coroutine that has the slot: the number grows before the slot's memory goes.
struct remembered
{
    scope* where = nullptr;
    std::uint64_t slots = 0;
    asio::cancellation_slot slot{};
    std::uint64_t at = 0; ///< If a runtime has ended since, it may have been the scope's.
};

constexpr std::size_t pairs = 128;

struct memory
{
    std::array<remembered, 2 * pairs> all{};
    std::size_t last = 0; ///< Often it is the same again.
};

thread_local constinit memory lately{};

/// Where the scope of a slot is remembered: there, or in the next place. For speed alone: the slots are
/// compared all the same.
std::size_t place_of(asio::cancellation_slot const& slot) noexcept
{
    using bits = std::uintptr_t;
    if constexpr (std::is_trivially_copyable_v<asio::cancellation_slot> && sizeof(slot) == sizeof(bits)) {
        auto const mixed =
            std::uint64_t{std::bit_cast<bits>(slot)} * 0x9e3779b97f4a7c15; // 2^64 / golden ratio
        return (mixed >> 32) % pairs * 2;
    } else {
        return 0;
    }
}

/// The pools of the scopes that this thread remembers, so that they can be looked at while their context is
/// destroyed by another thread. One that is over is let go of: it has ended since its scopes were remembered,
/// so nobody looks at them any more.
class kept_pools
{
public:
    ~kept_pools() { is_over_ = true; }

    /// False: the thread is at its end, or there is no memory.
    static bool keep(std::shared_ptr<scope_pool> const& pool) noexcept
    {
        if (is_over_) return false;
        thread_local kept_pools own;
        auto& all = own.all_;
        if (std::find(all.begin(), all.end(), pool) != all.end()) return true;
        std::erase_if(all, [](auto const& p) { return p->is_over(); });
        try {
            all.push_back(pool);
            return true;
        } catch (std::bad_alloc const&) {
            return false;
        }
    }

private:
    static thread_local constinit bool is_over_;

    std::vector<std::shared_ptr<scope_pool>> all_;
};

thread_local constinit bool kept_pools::is_over_ = false;

} // namespace

call_context scope::describe() const
{
    auto known = context;
    if (was_left()) return known;
    known.deadline = deadline();
    if (innermost) known.attempt = innermost->attempts;
    for (auto const* c = innermost; c; c = c->outer) {
        if (!c->idempotency_key) continue;
        known.idempotency_key = *c->idempotency_key;
        break;
    }
    return known;
}

void scope::inherit(scope const& from)
{
    auto theirs = from.describe();
    context.deadline = std::min(context.deadline, from.deadline());
    if (context.trace_id.empty()) context.trace_id = std::move(theirs.trace_id);
    if (context.caller.empty()) context.caller = std::move(theirs.caller);
    if (context.idempotency_key.empty()) context.idempotency_key = std::move(theirs.idempotency_key);
    if (context.priority == priority::normal) context.priority = theirs.priority;
}

void scope::retire() noexcept
{
    generation.fetch_add(1, std::memory_order_release);
    forget_slot();
    root.slot().clear();
    executor = {};
    context = {};
    innermost = nullptr;
    slot_ = {};
    enable(asio::cancellation_type::terminal);
    started_ = false;
}

scope& scope_pool::take()
{
    std::lock_guard lock(mutex_);
    if (free_.empty()) {
        if (free_.capacity() == all_.size()) free_.reserve(2 * all_.size() + 1);
        return all_.emplace_back(home_);
    }
    auto* const next = free_.back();
    free_.pop_back();
    return *next;
}

scope_lease::scope_lease(std::shared_ptr<scope_pool> from, asio::any_io_executor const& executor)
    : pool_(std::move(from)),
      held_(&pool_->take())
{
    try {
        held_->executor = in_scope(executor, ref());
    } catch (...) {
        pool_->put_back(*held_);
        throw;
    }
}

scope_lease::~scope_lease()
{
    if (pool_) pool_->put_back(*held_);
}

void scope_pool::put_back(scope& used) noexcept
{
    used.retire();
    std::lock_guard lock(mutex_);
    free_.push_back(&used);
}

scope_ref scope_of(asio::any_io_executor const& executor) noexcept
{
    scope_ref found;
    visit_scope_executor(executor, [&](auto const& e) { found = e.where(); });
    return found;
}

scope* find_scope(asio::any_io_executor const& executor, asio::cancellation_slot const& slot) noexcept
{
    if (!slot.is_connected()) return nullptr;
    auto* const found = scope_of(executor).get();
    if (!found || found->was_left()) return found;
    if (!found->is_of(slot)) return nullptr;
    if (!kept_pools::keep(found->home.scopes())) return found;
    lately.last = place_of(slot);
    lately.all[lately.last + 1] = lately.all[lately.last];
    lately.all[lately.last] = {found, found->slots.load(std::memory_order_relaxed), slot, runtime::ended()};
    return found;
}

scope* recall_scope(asio::cancellation_slot const& slot) noexcept
{
    if (lately.all[lately.last].slot != slot) lately.last = place_of(slot);
    if (lately.all[lately.last].slot != slot) lately.last |= 1;
    auto const& known = lately.all[lately.last];
    if (known.slot != slot || !slot.is_connected() || known.at != runtime::ended()) return nullptr;
    return known.where->slots.load(std::memory_order_acquire) == known.slots ? known.where : nullptr;
}

std::optional<asio::io_context::executor_type> plain_executor(asio::any_io_executor const& executor) noexcept
{
    using plain = asio::io_context::executor_type;
    if (auto const* const e = executor.target<scope_executor<plain>>()) return e->inner();
    if (auto const* const e = executor.target<plain>()) return *e;
    return std::nullopt;
}

asio::any_io_executor in_scope(asio::any_io_executor const& executor, scope_ref where)
{
    auto const wrap = [where](auto const& e) {
        return asio::any_io_executor(scope_executor<std::decay_t<decltype(e)>>(e, where));
    };
    asio::any_io_executor wrapped;
    if (visit_scope_executor(executor, [&](auto const& e) { wrapped = wrap(e.inner()); })) return wrapped;
    return with_concrete(executor, wrap);
}

} // namespace keel::detail
