#include <keel/policy/retry_budget.hpp>

#include <keel/policy/parts/exact.hpp>

#include <algorithm>

namespace keel {
namespace {

constexpr std::size_t million = 1'000'000;

template <class T>
bool within(T value, T low, T high)
{
    return value >= low && value <= high;
}

void check(success_bucket const& k, option_faults& faults)
{
    faults.require(within(k.size, std::size_t{1}, million), "kind.size", k.size, "1 to 1000000");
    faults.require(within(k.deposit, 0.0, 1.0), "kind.deposit", k.deposit, "0 to 1");
}

void check(failure_threshold const& k, option_faults& faults)
{
    faults.require(within(k.max_tokens, std::size_t{1}, million), "kind.max_tokens", k.max_tokens,
                   "1 to 1000000");
    faults.require(within(k.ratio, 0.0, 1.0), "kind.ratio", k.ratio, "0 to 1");
}

void check(ratio_window const& k, option_faults& faults)
{
    using namespace std::chrono_literals;
    faults.require(within<duration>(k.ttl, 1ms, 1h), "kind.ttl", k.ttl, "1ms to 1h");
    faults.require(k.min_per_second <= million, "kind.min_per_second", k.min_per_second, "0 to 1000000");
    faults.require(within(k.ratio, 0.0, 10.0), "kind.ratio", k.ratio, "0 to 10");
}

void check(concurrency_share const& k, option_faults& faults)
{
    faults.require(within(k.ratio, 0.0, 1.0), "kind.ratio", k.ratio, "0 to 1");
    faults.require(k.min_retries <= million, "kind.min_retries", k.min_retries, "0 to 1000000");
}

void check(retry_cost const& k, option_faults& faults)
{
    faults.require(within(k.capacity, std::size_t{1}, million), "kind.capacity", k.capacity, "1 to 1000000");
    faults.require(k.retry <= k.capacity, "kind.retry", k.retry, "0 to capacity");
    faults.require(k.after_timeout <= k.capacity, "kind.after_timeout", k.after_timeout, "0 to capacity");
}

} // namespace

option_faults validate(retry_budget_options const& o)
{
    option_faults faults;
    std::visit([&](auto const& kind) { check(kind, faults); }, o.kind);
    return faults;
}

std::string_view name_of_kind(retry_budget_options const& o) noexcept
{
    struct name
    {
        std::string_view operator()(success_bucket const&) const { return "success_bucket"; }
        std::string_view operator()(failure_threshold const&) const { return "failure_threshold"; }
        std::string_view operator()(ratio_window const&) const { return "ratio_window"; }
        std::string_view operator()(concurrency_share const&) const { return "concurrency_share"; }
        std::string_view operator()(retry_cost const&) const { return "retry_cost"; }
    };
    return std::visit(name{}, o.kind);
}

namespace policy {
namespace {

constexpr std::size_t milli = 1000;

std::size_t thousandths(double ratio) { return static_cast<std::size_t>(ratio * 1000 + 0.5); }
std::size_t percent(double ratio) { return static_cast<std::size_t>(ratio * 100 + 0.5); }

} // namespace

retry_budget::retry_budget(retry_budget_options options)
    : options_(checked("retry_budget", std::move(options))),
      state_(in_flight{})
{
    if (auto const* k = std::get_if<success_bucket>(&options_.kind)) state_ = milli_tokens{k->size * milli};
    if (auto const* k = std::get_if<failure_threshold>(&options_.kind))
        state_ = milli_tokens{k->max_tokens * milli};
    if (std::holds_alternative<ratio_window>(options_.kind)) state_ = slices{};
    if (auto const* k = std::get_if<retry_cost>(&options_.kind)) state_ = cost_tokens{k->capacity};
}

void retry_budget::call_started(time_point now)
{
    if (auto const* k = std::get_if<ratio_window>(&options_.kind)) ++current_slice(*k, now).requests;
    if (auto* active = std::get_if<in_flight>(&state_)) ++active->calls;
}

void retry_budget::call_ended()
{
    if (auto* active = std::get_if<in_flight>(&state_); active && active->calls > 0) --active->calls;
}

void retry_budget::succeeded(std::size_t refund)
{
    if (auto const* k = std::get_if<success_bucket>(&options_.kind)) {
        auto& level = std::get<milli_tokens>(state_).level;
        level = std::min(level + thousandths(k->deposit), k->size * milli);
    } else if (auto const* t = std::get_if<failure_threshold>(&options_.kind)) {
        auto& level = std::get<milli_tokens>(state_).level;
        level = std::min(level + thousandths(t->ratio), t->max_tokens * milli);
    } else if (auto const* c = std::get_if<retry_cost>(&options_.kind)) {
        auto& level = std::get<cost_tokens>(state_).level;
        level = std::min(level + (refund == 0 ? 1 : refund), c->capacity);
    }
}

bool retry_budget::counts_calls() const noexcept
{
    return std::holds_alternative<ratio_window>(options_.kind) ||
           std::holds_alternative<concurrency_share>(options_.kind);
}

bool retry_budget::is_full() const noexcept
{
    if (auto const* k = std::get_if<success_bucket>(&options_.kind))
        return std::get<milli_tokens>(state_).level == k->size * milli;
    if (auto const* t = std::get_if<failure_threshold>(&options_.kind))
        return std::get<milli_tokens>(state_).level == t->max_tokens * milli;
    if (auto const* c = std::get_if<retry_cost>(&options_.kind))
        return std::get<cost_tokens>(state_).level == c->capacity;
    return true;
}

bool retry_budget::is_spent(time_point now) const
{
    return !has_retry(retry_cause::timeout, now) &&
           retry_budget(options_).has_retry(retry_cause::timeout, now);
}

void retry_budget::failed()
{
    if (!std::holds_alternative<failure_threshold>(options_.kind)) return;
    auto& level = std::get<milli_tokens>(state_).level;
    level -= std::min(level, milli);
}

bool retry_budget::has_retry(retry_cause cause, time_point now) const
{
    return std::visit([&](auto const& kind) { return grants(kind, cause, now); }, options_.kind);
}

bool retry_budget::grants(success_bucket const&, retry_cause, time_point) const
{
    return std::get<milli_tokens>(state_).level >= milli;
}

bool retry_budget::grants(failure_threshold const& k, retry_cause, time_point) const
{
    return 2 * std::get<milli_tokens>(state_).level > k.max_tokens * milli;
}

bool retry_budget::grants(ratio_window const& k, retry_cause, time_point now) const
{
    return balance(k, now) >= 1;
}

bool retry_budget::grants(concurrency_share const& k, retry_cause, time_point) const
{
    return std::get<in_flight>(state_).retries < allowed(k);
}

bool retry_budget::grants(retry_cost const&, retry_cause cause, time_point) const
{
    return std::get<cost_tokens>(state_).level >= cost(cause);
}

bool retry_budget::try_retry(retry_cause cause, time_point now)
{
    if (!has_retry(cause, now)) return false;
    if (std::holds_alternative<success_bucket>(options_.kind)) std::get<milli_tokens>(state_).level -= milli;
    if (auto const* k = std::get_if<ratio_window>(&options_.kind)) ++current_slice(*k, now).retries;
    if (auto* active = std::get_if<in_flight>(&state_)) ++active->retries;
    if (auto* tokens = std::get_if<cost_tokens>(&state_)) tokens->level -= cost(cause);
    return true;
}

void retry_budget::retry_ended()
{
    if (auto* active = std::get_if<in_flight>(&state_); active && active->retries > 0) --active->retries;
}

std::size_t retry_budget::cost(retry_cause cause) const
{
    auto const* const k = std::get_if<retry_cost>(&options_.kind);
    if (!k) return 0;
    return cause == retry_cause::timeout ? k->after_timeout : k->retry;
}

retry_budget::slice& retry_budget::current_slice(ratio_window const& k, time_point now)
{
    auto& window = std::get<slices>(state_);
    auto const count = static_cast<std::int64_t>(window.ring.size());
    auto const latest = std::max(window.newest, slice_of(now, k.ttl, window.ring.size()));
    for (auto i = std::max(window.newest + 1, latest - count + 1); i <= latest; ++i)
        window.ring[static_cast<std::size_t>(i % count)] = {};
    window.newest = latest;
    return window.ring[static_cast<std::size_t>(latest % count)];
}

std::size_t retry_budget::balance(ratio_window const& k, time_point now) const
{
    auto const& window = std::get<slices>(state_);
    auto const count = static_cast<std::int64_t>(window.ring.size());
    auto const latest = std::max(window.newest, slice_of(now, k.ttl, window.ring.size()));
    slice sum;
    for (auto i = std::max<std::int64_t>(0, latest - count + 1); i <= window.newest; ++i) {
        sum.requests += window.ring[static_cast<std::size_t>(i % count)].requests;
        sum.retries += window.ring[static_cast<std::size_t>(i % count)].retries;
    }
    constexpr std::size_t unit = 100; // hundredths of a retry, so that a percentage of requests stays whole
    auto const ttl = static_cast<std::size_t>(std::chrono::nanoseconds(k.ttl).count());
    auto const reserve = k.min_per_second * (ttl / 1000) * unit / million;
    auto const income = sum.requests * percent(k.ratio) + reserve;
    auto const spent = sum.retries * unit;
    return income > spent ? (income - spent) / unit : 0;
}

std::size_t retry_budget::allowed(concurrency_share const& k) const
{
    auto const calls = std::get<in_flight>(state_).calls;
    return std::max(calls * percent(k.ratio) / 100, k.min_retries);
}

retry_budget_snapshot retry_budget::snapshot(time_point now) const
{
    retry_budget_snapshot seen;
    if (auto const* tokens = std::get_if<milli_tokens>(&state_)) {
        seen.tokens_milli = tokens->level;
        auto const* const k = std::get_if<failure_threshold>(&options_.kind);
        auto const floor = k ? k->max_tokens * milli / 2 : 0;
        auto const begun = k ? milli - 1 : 0; // above the threshold, part of a token is enough
        seen.available = tokens->level > floor ? (tokens->level - floor + begun) / milli : 0;
    }
    if (auto const* k = std::get_if<ratio_window>(&options_.kind)) seen.available = balance(*k, now);
    if (auto const* active = std::get_if<in_flight>(&state_)) {
        seen.active_calls = active->calls;
        seen.active_retries = active->retries;
        auto const most = allowed(std::get<concurrency_share>(options_.kind));
        seen.available = most > active->retries ? most - active->retries : 0;
    }
    if (auto const* tokens = std::get_if<cost_tokens>(&state_)) {
        seen.tokens_milli = tokens->level * milli;
        auto const price = std::max<std::size_t>(cost(retry_cause::error), 1);
        seen.available = tokens->level / price;
    }
    return seen;
}

} // namespace policy
} // namespace keel
