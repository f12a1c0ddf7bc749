#include <keel/policy/rate_limiter.hpp>

#include <algorithm>

namespace keel {
namespace {

std::uint32_t burst_of(rate_limiter_options const& o) { return o.burst.value_or(o.permits); }

} // namespace

option_faults validate(rate_limiter_options const& o)
{
    using namespace std::chrono_literals;
    option_faults faults;
    faults.require(o.permits >= 1, "permits", o.permits, "at least 1");
    faults.require(o.per > 0ns && o.per <= 24h, "per", o.per, "above 0 up to 24h");
    faults.require(o.per.count() >= static_cast<duration::rep>(o.permits), "permits", o.permits,
                   "at most one per nanosecond of per");
    faults.require(!o.burst || *o.burst >= 1, "burst", burst_of(o), "at least 1, or nullopt");
    auto const span = static_cast<double>(burst_of(o)) * static_cast<double>(o.per.count());
    faults.require(span <= 4.6e18 * o.permits || o.permits == 0, "burst", burst_of(o),
                   "at most what arrives in 145 years");
    faults.require(o.max_wait >= 0ns, "max_wait", o.max_wait, "0 or more");
    faults.require(!o.initial || o.algorithm == rate_algorithm::token_bucket, "initial",
                   o.initial.value_or(0), "nullopt, unless the algorithm is token_bucket");
    return faults;
}

namespace policy {
namespace {

duration interval_of(rate_limiter_options const& o)
{
    auto const permits = static_cast<duration::rep>(o.permits);
    return duration((o.per.count() + permits - 1) / permits);
}

} // namespace

rate_limiter::rate_limiter(rate_limiter_options options)
    : options_(checked("rate_limiter", std::move(options))),
      meter_(make_meter())
{}

std::variant<token_bucket, gcra> rate_limiter::make_meter() const
{
    auto const burst = burst_of(options_);
    if (options_.algorithm == rate_algorithm::gcra) return gcra(interval_of(options_), burst);
    return token_bucket(options_.permits, options_.per, burst, options_.initial.value_or(burst));
}

void rate_limiter::start(time_point now)
{
    if (auto* bucket = std::get_if<token_bucket>(&meter_)) bucket->start(now);
}

admission rate_limiter::admit(time_point now, std::uint32_t weight, duration max_wait)
{
    return std::visit(
        [&](auto& meter) {
            auto const at = meter.take(weight, now, max_wait);
            if (!at) return admission::refused(errc::rate_limited, meter.when(weight, now));
            auto const pass = grant{++newest_, *at, weight};
            return *at <= now ? admission::granted(pass) : admission::reserved(pass, *at);
        },
        meter_);
}

void rate_limiter::withdraw(grant pass, time_point now)
{
    auto const is_past = [now](grant const& g) { return g.at <= now; };
    withdrawn_.erase(withdrawn_.begin(), std::find_if_not(withdrawn_.begin(), withdrawn_.end(), is_past));
    if (pass.generation != newest_) {
        auto const later = [](grant const& a, grant const& b) { return a.generation < b.generation; };
        withdrawn_.insert(std::upper_bound(withdrawn_.begin(), withdrawn_.end(), pass, later), pass);
        return;
    }
    give_back(pass, now);
    while (!withdrawn_.empty() && withdrawn_.back().generation == newest_) {
        give_back(withdrawn_.back(), now);
        withdrawn_.pop_back();
    }
}

void rate_limiter::give_back(grant const& pass, time_point now)
{
    std::visit([&](auto& meter) { meter.give_back(pass.weight, now); }, meter_);
    --newest_;
}

rate_limiter_snapshot rate_limiter::snapshot(time_point now) const
{
    return {std::visit([&](auto const& meter) { return meter.available(now); }, meter_), burst_of(options_)};
}

} // namespace policy
} // namespace keel
