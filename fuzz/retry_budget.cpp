// Every kind of retry budget against a count of all that has happened.

#include "input.hpp"
#include "law.hpp"

#include <keel/policy/retry_budget.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using namespace keel;
using fuzz::law;
using policy::retry_cause;

__extension__ using wide = __int128;

constexpr std::size_t million = 1'000'000;

retry_budget_options options_from(fuzz::input& in)
{
    switch (in.below(5)) {
    case 0: return {success_bucket{in.count<std::size_t>(), in.ratio()}};
    case 1: return {failure_threshold{in.count<std::size_t>(), in.ratio()}};
    case 2: return {ratio_window{in.length(), in.count<std::size_t>(), in.ratio()}};
    case 3: return {concurrency_share{in.ratio(), in.count<std::size_t>()}};
    default: return {retry_cost{in.count<std::size_t>(), in.count<std::size_t>(), in.count<std::size_t>()}};
    }
}

bool is_size(std::size_t n) { return n >= 1 && n <= million; }
bool is_ratio(double r, double most) { return r >= 0 && r <= most; }

bool in_range(success_bucket const& k) { return is_size(k.size) && is_ratio(k.deposit, 1); }
bool in_range(failure_threshold const& k) { return is_size(k.max_tokens) && is_ratio(k.ratio, 1); }
bool in_range(ratio_window const& k)
{
    return k.ttl >= std::chrono::milliseconds(1) && k.ttl <= std::chrono::hours(1) &&
           k.min_per_second <= million && is_ratio(k.ratio, 10);
}
bool in_range(concurrency_share const& k) { return k.min_retries <= million && is_ratio(k.ratio, 1); }
bool in_range(retry_cost const& k)
{
    return is_size(k.capacity) && k.retry <= k.capacity && k.after_timeout <= k.capacity;
}

std::size_t rounded(double ratio, double unit)
{
    return static_cast<std::size_t>(std::floor(ratio * unit + 0.5));
}

/// What has happened, and what each kind makes of it.
class model
{
public:
    explicit model(retry_budget_options const& o) : o_(o)
    {
        if (auto const* k = std::get_if<success_bucket>(&o.kind)) milli_ = 1000 * k->size;
        if (auto const* k = std::get_if<failure_threshold>(&o.kind)) milli_ = 1000 * k->max_tokens;
        if (auto const* k = std::get_if<retry_cost>(&o.kind)) milli_ = 1000 * k->capacity;
        most_ = milli_;
    }

    void call_started(time_point now)
    {
        ++calls_;
        requests_.push_back(now);
    }

    void call_ended() { calls_ -= calls_ > 0 ? 1 : 0; }
    void retry_ended() { running_ -= running_ > 0 ? 1 : 0; }

    void succeeded(std::size_t refund)
    {
        if (auto const* k = std::get_if<success_bucket>(&o_.kind)) add(rounded(k->deposit, 1000), k->size);
        if (auto const* k = std::get_if<failure_threshold>(&o_.kind))
            add(rounded(k->ratio, 1000), k->max_tokens);
        if (auto const* k = std::get_if<retry_cost>(&o_.kind))
            add(1000 * std::max<std::size_t>(refund, 1), k->capacity);
    }

    void failed()
    {
        if (std::holds_alternative<failure_threshold>(o_.kind)) milli_ -= std::min<std::size_t>(milli_, 1000);
    }

    bool grants(retry_cause cause, time_point now) const
    {
        if (std::holds_alternative<success_bucket>(o_.kind)) return milli_ >= 1000;
        if (auto const* k = std::get_if<failure_threshold>(&o_.kind)) return milli_ > 500 * k->max_tokens;
        if (std::holds_alternative<ratio_window>(o_.kind)) return balance(now) >= 1;
        if (auto const* k = std::get_if<concurrency_share>(&o_.kind))
            return running_ < std::max(calls_ * rounded(k->ratio, 100) / 100, k->min_retries);
        return milli_ >= 1000 * cost(cause);
    }

    void retried(retry_cause cause, time_point now)
    {
        ++running_;
        retries_.push_back(now);
        if (std::holds_alternative<success_bucket>(o_.kind)) milli_ -= 1000;
        milli_ -= 1000 * cost(cause);
    }

    std::size_t cost(retry_cause cause) const
    {
        auto const* const k = std::get_if<retry_cost>(&o_.kind);
        if (!k) return 0;
        return cause == retry_cause::timeout ? k->after_timeout : k->retry;
    }

    /// Retries that the requests of the window still pay for.
    wide balance(time_point now) const
    {
        auto const& k = std::get<ratio_window>(o_.kind);
        auto const income = wide(recent(requests_, now)) * static_cast<wide>(rounded(k.ratio, 100));
        auto const reserve = wide(k.min_per_second) * (k.ttl.count() / 1000) * 100 / 1'000'000;
        return std::max<wide>(0, income + reserve - wide(recent(retries_, now)) * 100) / 100;
    }

    bool is_full() const { return milli_ == most_; }
    bool counts_calls() const { return o_.kind.index() == 2 || o_.kind.index() == 3; }
    std::size_t milli() const { return milli_; }
    std::size_t calls() const { return calls_; }
    std::size_t running() const { return running_; }

private:
    void add(std::size_t milli, std::size_t most) { milli_ = std::min(milli_ + milli, 1000 * most); }

    std::size_t recent(std::vector<time_point> const& all, time_point now) const
    {
        auto const& k = std::get<ratio_window>(o_.kind);
        auto const slice = [&](time_point t) {
            return wide(t.time_since_epoch().count()) * 10 / k.ttl.count();
        };
        return static_cast<std::size_t>(
            std::count_if(all.begin(), all.end(), [&](auto t) { return slice(t) > slice(now) - 10; }));
    }

    retry_budget_options const& o_;
    std::size_t milli_ = 0;
    std::size_t most_ = 0;
    std::size_t calls_ = 0;
    std::size_t running_ = 0;
    std::vector<time_point> requests_{};
    std::vector<time_point> retries_{};
};

class game
{
public:
    game(fuzz::input& in, policy::retry_budget& b) : in_(in), budget_(b), time_(in), model_(b.options()) {}

    void play()
    {
        check();
        while (!in_.empty()) {
            turn();
            check();
        }
    }

private:
    void turn()
    {
        switch (in_.below(8)) {
        case 0: return time_.advance(in_);
        case 1: return start_call();
        case 2: return end_call();
        case 3: return succeed();
        case 4: budget_.failed(); return model_.failed();
        case 5: budget_.retry_ended(); return model_.retry_ended();
        default: return retry(cause());
        }
    }

    retry_cause cause() { return in_.flag() ? retry_cause::timeout : retry_cause::error; }

    void start_call()
    {
        auto const before = budget_.snapshot(time_.now());
        budget_.call_started(time_.now());
        law(budget_.counts_calls() || same(before), "a kind that counts no calls can be spared them");
        model_.call_started(time_.now());
    }

    void end_call()
    {
        auto const before = budget_.snapshot(time_.now());
        budget_.call_ended();
        law(budget_.counts_calls() || same(before), "a kind that counts no calls can be spared them");
        model_.call_ended();
    }

    void succeed()
    {
        auto const refund = in_.flag() ? budget_.cost(cause()) : 0;
        auto const before = budget_.snapshot(time_.now());
        auto const was_full = budget_.is_full();
        budget_.succeeded(refund);
        law(!was_full || same(before), "a success changes nothing in a full budget");
        model_.succeeded(refund);
    }

    bool same(retry_budget_snapshot const& before) const
    {
        auto const now = budget_.snapshot(time_.now());
        return now.available == before.available && now.tokens_milli == before.tokens_milli &&
               now.active_calls == before.active_calls && now.active_retries == before.active_retries;
    }

    void retry(retry_cause why)
    {
        auto const now = time_.now();
        auto const expected = model_.grants(why, now);
        law(budget_.has_retry(why, now) == expected, "it has a retry exactly when it can pay for one");
        law(budget_.try_retry(why, now) == expected, "has_retry foretells try_retry");
        if (expected) model_.retried(why, now);
    }

    void check() const
    {
        auto const now = time_.now();
        auto const seen = budget_.snapshot(now);
        auto const& kind = budget_.options().kind;
        for (auto why : {retry_cause::error, retry_cause::timeout}) {
            law(budget_.cost(why) == model_.cost(why), "a retry costs what the options say");
            law(budget_.has_retry(why, now) == model_.grants(why, now), "it can pay for what the model can");
        }
        if (std::holds_alternative<ratio_window>(kind))
            law(wide(seen.available) == model_.balance(now), "the window's balance is that of a list of all");
        if (std::holds_alternative<concurrency_share>(kind))
            law(seen.active_calls == model_.calls() && seen.active_retries == model_.running(),
                "it counts what is in flight");
        law(budget_.is_full() == model_.is_full(), "it is full exactly when it holds all it can");
        law(budget_.is_spent(now) == (!model_.grants(retry_cause::timeout, now) &&
                                      model(budget_.options()).grants(retry_cause::timeout, now)),
            "it is spent when it refuses what a new one would grant");
        law(budget_.counts_calls() == model_.counts_calls(), "two kinds count calls");
        law(seen.tokens_milli == model_.milli(), "it holds the tokens that were paid in and not spent");
        if (!std::holds_alternative<retry_cost>(kind) || budget_.cost(retry_cause::error) > 0)
            law((seen.available > 0) == budget_.has_retry(retry_cause::error, now),
                "a retry is available exactly when one would be granted");
    }

    fuzz::input& in_;
    policy::retry_budget& budget_;
    fuzz::timeline time_;
    model model_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::input in(data, size);
    auto const options = options_from(in);
    auto const ok = std::visit([](auto const& k) { return in_range(k); }, options.kind);
    auto machine = fuzz::built<policy::retry_budget>("retry_budget", options, ok);
    if (machine) game(in, *machine).play();
    return 0;
}
