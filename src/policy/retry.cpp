#include <keel/policy/retry.hpp>

#include <algorithm>

namespace keel {

option_faults validate(retry_options const& o)
{
    option_faults faults;
    faults.require(!o.max_attempts || *o.max_attempts >= 1, "max_attempts", o.max_attempts.value_or(0),
                   "at least 1, or nullopt");
    faults.require(!o.max_duration || *o.max_duration > duration::zero(), "max_duration",
                   o.max_duration.value_or(duration::zero()), "above 0, or nullopt");
    faults.require(o.max_attempts || o.max_duration, "max_attempts", "nullopt",
                   "a number, unless max_duration is set");
    faults.require(o.hint_cap >= duration::zero(), "hint_cap", o.hint_cap, "0 or more");
    faults.merge("backoff", validate(o.backoff));
    return faults;
}

std::string_view to_string(retry_stop s) noexcept
{
    switch (s) {
    case retry_stop::none: return "none";
    case retry_stop::success: return "success";
    case retry_stop::not_retryable: return "not_retryable";
    case retry_stop::attempts: return "attempts";
    case retry_stop::max_duration: return "max_duration";
    case retry_stop::deadline: return "deadline";
    case retry_stop::hint_too_long: return "hint_too_long";
    case retry_stop::budget: return "budget";
    case retry_stop::cancelled: return "cancelled";
    case retry_stop::no_retry: return "no_retry";
    }
    return "unknown";
}

namespace policy {

retry_action retry::attempt_failed(time_point now, std::optional<time_point> deadline,
                                   std::optional<duration> hint, chance u)
{
    auto const left = deadline ? std::optional(saturating_sub(*deadline, now)) : std::nullopt;
    auto action = decide(attempts_, left, hint, u);
    auto const* const next = std::get_if<retry_after>(&action);
    if (!next || !options_->max_duration) return action;
    auto const elapsed = saturating_sub(saturating_add(now, next->pause), started_);
    if (elapsed > *options_->max_duration) return give_up{retry_stop::max_duration};
    return action;
}

retry_action retry::decide(std::uint32_t number, std::optional<duration> time_left,
                           std::optional<duration> hint, chance u)
{
    if (options_->max_attempts && number >= *options_->max_attempts) return give_up{retry_stop::attempts};
    auto pause = pauses_.next(number, u);
    if (hint) {
        if (*hint > options_->hint_cap) return give_up{retry_stop::hint_too_long};
        pause = std::max(pause, *hint);
    }
    if (time_left && pause >= *time_left) return give_up{retry_stop::deadline};
    return retry_after{pause};
}

} // namespace policy
} // namespace keel
