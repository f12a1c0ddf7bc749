#include <keel/policy/parts/token_bucket.hpp>

#include <algorithm>
#include <limits>

namespace keel::policy {

token_bucket::token_bucket(std::uint32_t tokens, duration per, std::uint32_t burst, std::uint32_t initial)
    : tokens_(tokens),
      per_(per.count()),
      burst_(burst),
      full_(price(burst)),
      level_(price(std::min(initial, burst)))
{}

/// Rounded up, and saturated.
duration token_bucket::time_for(credits missing) const
{
    auto const exact = (missing + tokens_ - 1) / tokens_;
    return duration(static_cast<duration::rep>(std::min<credits>(exact, duration::max().count())));
}

std::optional<time_point> token_bucket::when(std::uint32_t n, time_point now) const
{
    if (n > burst_) return std::nullopt;
    auto const missing = price(n) - level_at(now);
    return missing <= 0 ? now : saturating_add(std::max(now, updated_), time_for(missing));
}

std::optional<time_point> token_bucket::take(std::uint32_t n, time_point now, duration max_wait)
{
    auto const at = when(n, now);
    if (!at || saturating_sub(*at, now) > max_wait) return std::nullopt;
    set_level(level_at(now) - price(n), now);
    return at;
}

void token_bucket::give_back(std::uint32_t n, time_point now)
{
    set_level(std::min(level_at(now) + price(n), full_), now);
}

std::int64_t token_bucket::available(time_point now) const
{
    auto const level = level_at(now);
    auto const whole = level / per_ - (level % per_ < 0 ? 1 : 0);
    return static_cast<std::int64_t>(std::max<credits>(whole, std::numeric_limits<std::int64_t>::min()));
}

} // namespace keel::policy
