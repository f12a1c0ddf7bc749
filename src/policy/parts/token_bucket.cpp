#include <keel/policy/parts/token_bucket.hpp>

#include <algorithm>

namespace keel::policy {
namespace {

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return a / b + (a % b > 0 ? 1 : 0); }
std::int64_t divide_down(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// From here up to a full bucket is less than 2^63, so no sum of levels and prices overflows.
constexpr std::int64_t deepest_debt = -(std::int64_t{1} << 62U);

} // namespace

token_bucket::token_bucket(std::uint32_t tokens, duration per, std::uint32_t burst, std::uint32_t initial)
    : tokens_(tokens), per_(per.count()), burst_(burst), full_(price(burst)), level_(price(std::min(initial, burst)))
{}

std::int64_t token_bucket::level_at(time_point now) const
{
    auto const elapsed = std::max<std::int64_t>(0, saturating_sub(now, updated_).count());
    auto const missing = full_ - level_;
    if (elapsed >= divide_up(missing, tokens_)) return full_;
    return level_ + elapsed * tokens_;
}

void token_bucket::refill(time_point now)
{
    level_ = level_at(now);
    updated_ = std::max(updated_, now);
}

std::optional<time_point> token_bucket::when(std::uint32_t n, time_point now) const
{
    if (n > burst_) return std::nullopt;
    auto const missing = price(n) - level_at(now);
    return missing <= 0 ? now : saturating_add(std::max(now, updated_), duration(divide_up(missing, tokens_)));
}

std::optional<time_point> token_bucket::take(std::uint32_t n, time_point now, duration max_wait)
{
    auto const at = when(n, now);
    if (!at || saturating_sub(*at, now) > max_wait) return std::nullopt;
    refill(now);
    if (level_ < deepest_debt + price(n)) return std::nullopt;
    level_ -= price(n);
    return at;
}

void token_bucket::give_back(std::uint32_t n, time_point now)
{
    refill(now);
    level_ = std::min(level_ + price(n), full_);
}

std::int64_t token_bucket::available(time_point now) const { return divide_down(level_at(now), per_); }

} // namespace keel::policy
