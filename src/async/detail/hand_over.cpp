#include <keel/async/detail/hand_over.hpp>

#include <keel/async/detail/parking.hpp>
#include <keel/async/detail/runtime.hpp>

#include <exception>

namespace keel::detail {

thread_local constinit hand_over* hand_over::innermost = nullptr;

/// The outermost of this context.
hand_over& hand_over::collector() noexcept
{
    auto* it = this;
    while (it->outer_ && &it->outer_->context_ == &context_) it = it->outer_;
    return *it;
}

// Both must be on the context's own executor: then what the giver's thread does is done there.
bool hand_over::collect(parking& p) noexcept
{
    if (!innermost || &innermost->context_ != &p.context()) return false;
    if (!p.is_plain() || !innermost->is_plain()) return false;
    auto& in = innermost->collector();
    p.next_woken_ = nullptr;
    (in.last_ ? in.last_->next_woken_ : in.first_) = &p;
    in.last_ = &p;
    return true;
}

bool hand_over::is_plain() const noexcept { return plain_executor(executor_).has_value(); }

parking* hand_over::take_first() noexcept
{
    auto* const p = first_;
    first_ = p->next_woken_;
    if (!first_) last_ = nullptr;
    return p;
}

void hand_over::continue_them() noexcept
{
    auto left = 8; // then the giver, too, has its turn
    while (first_) {
        auto& p = *take_first();
        if (left-- <= 0 || !p.is_parked()) {
            p.context().wake_by_post(p);
            continue;
        }
        try {
            p.resume();
        } catch (...) { // from a handler of the user's; it is not for the giver, but for `run`
            context_.throw_from_run(std::current_exception(), *plain_executor(executor_));
        }
    }
}

} // namespace keel::detail
