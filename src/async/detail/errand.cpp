#include <keel/async/detail/errand.hpp>

#include <keel/async/detail/runtime.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <exception>
#include <new>
#include <utility>

namespace keel::detail {

/// The completion handler of the operation's root coroutine; owns its scope.
class errand_base::end
{
public:
    end(bearer who, scope_lease where) : who_(std::move(who)), where_(std::move(where)) {}
    void operator()(std::exception_ptr const&) { auto const over = std::move(who_); }

private:
    bearer who_;
    scope_lease where_;
};

// Under the lock: whoever waits withdraws under it too, so here it is still alive. `wake` only posts.
void errand_base::finish() noexcept
{
    std::lock_guard lock(mutex_);
    if (std::exchange(over_, true)) return;
    strand_.reset();
    if (auto* const who = std::exchange(waiting_, nullptr)) who->wake();
}

bool errand_base::waited_for_by(parking* who)
{
    std::lock_guard lock(mutex_);
    waiting_ = over_ ? nullptr : who;
    return !over_;
}

// Under the lock, too: while the errand is not over, the strand's context has not gone away, and an errand
// that has not begun must be over before it can begin.
void errand_base::cancel()
{
    std::lock_guard lock(mutex_);
    if (over_ || cancel_wanted_) return;
    if (strand_) {
        asio::post(*strand_, [self = shared_from_this()] { self->cancel_here(); });
        cancel_wanted_ = true;
        return;
    }
    over_ = true;
    if (auto* const who = std::exchange(waiting_, nullptr)) who->wake();
}

void errand_base::cancel_if_possible() noexcept
{
    try {
        cancel();
    } catch (std::bad_alloc const&) { // it runs to its own end
    }
}

void errand_base::cancel_here()
{
    if (auto* const where = where_.get()) where->cancel(asio::cancellation_type::terminal);
}

void errand_base::bearer::begin(asio::any_io_executor const& strand) &&
{
    auto& errand = *of_;
    auto lease = scope_lease(runtime::of(strand).scopes(), strand);
    {
        std::lock_guard lock(errand.mutex_);
        if (errand.over_) return;
        errand.strand_ = strand;
        errand.where_ = lease.ref();
    }
    lease->context = std::move(errand.context_);
    auto& where = *lease;
    auto const slot = where.root.slot();
    asio::co_spawn(where.executor, errand.body(),
                   asio::bind_cancellation_slot(slot, end(std::move(*this), std::move(lease))));
}

void errand_wait::dropped() noexcept
{
    what_->waited_for_by(nullptr);
    what_->cancel_if_possible();
}

} // namespace keel::detail
