#include <keel/policy/parts/gcra.hpp>

#include <algorithm>

namespace keel::policy {

gcra::gcra(duration interval, std::uint32_t burst) : interval_(interval), burst_(burst) {}

std::optional<time_point> gcra::when(std::uint32_t n, time_point now) const
{
    if (n > burst_) return std::nullopt;
    return std::max(now, opens(after(n, now)));
}

std::optional<time_point> gcra::take(std::uint32_t n, time_point now, duration max_wait)
{
    auto const at = when(n, now);
    if (!at || saturating_sub(*at, now) > max_wait) return std::nullopt;
    if (n > 0) arrival_ = after(n, now);
    return at;
}

void gcra::give_back(std::uint32_t n, time_point now)
{
    arrival_ = std::max(saturating_add(arrival_, -cost(n)), std::min(now, arrival_));
}

duration gcra::reset_after(time_point now) const
{
    return std::max(duration::zero(), saturating_sub(arrival_, now));
}

std::int64_t gcra::available(time_point now) const
{
    auto const free = cost(burst_) - reset_after(now);
    auto const units = free / interval_;
    return free % interval_ < duration::zero() ? units - 1 : units;
}

} // namespace keel::policy
