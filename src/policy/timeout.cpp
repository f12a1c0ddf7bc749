#include <keel/policy/timeout.hpp>

#include <utility>

namespace keel {

option_faults validate(timeout_options const& o)
{
    option_faults faults;
    auto const grace = o.on_expiry.grace().value_or(duration::zero());
    faults.require(grace >= duration::zero(), "on_expiry.grace", grace, "0 or more");
    return faults;
}

namespace policy {

timeout_action timeout::expired(time_point now) noexcept
{
    auto const grace = options_->on_expiry.grace();
    if (!grace) return await_operation{};
    if (std::exchange(grace_given_, true)) return abandon_operation{};
    return await_until{saturating_add(now, *grace)};
}

} // namespace policy
} // namespace keel
