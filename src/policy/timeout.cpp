#include <keel/policy/timeout.hpp>

namespace keel {

option_faults validate(timeout_options const& o)
{
    option_faults faults;
    faults.require(o.on_expiry.grace() >= duration::zero(), "on_expiry.grace", o.on_expiry.grace(), "0 or more");
    return faults;
}

namespace policy {

timeout_action timeout::expired(time_point now) noexcept
{
    switch (options_->on_expiry.how()) {
    case on_expiry::mode::cooperate: return await_operation{};
    case on_expiry::mode::abandon: return abandon_operation{};
    case on_expiry::mode::grace: break;
    }
    if (grace_given_) return abandon_operation{};
    grace_given_ = true;
    return await_until{saturating_add(now, options_->on_expiry.grace())};
}

} // namespace policy
} // namespace keel
