// The circuit breaker against a list of all outcomes that is looked through again for each decision.

#include "input.hpp"
#include "law.hpp"

#include <keel/policy/circuit_breaker.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using namespace keel;
using fuzz::law;

__extension__ using wide = __int128;

circuit_breaker_options options_from(fuzz::input& in)
{
    circuit_breaker_options o;
    switch (in.below(3)) {
    case 0: o.window = time_window{in.length(), in.count<std::uint32_t>()}; break;
    case 1: o.window = count_window{in.count<std::size_t>()}; break;
    default: o.window = consecutive_window{in.count<std::size_t>()};
    }
    o.min_calls = in.count<std::size_t>();
    o.failure_ratio = in.maybe_ratio();
    o.slow_call = in.maybe_length();
    o.slow_ratio = in.maybe_ratio();
    o.open_for = in.length();
    o.open_multiplier = in.flag() ? 1.0 : in.ratio();
    o.open_max = in.maybe_length();
    o.half_open_permits = in.count<std::size_t>();
    o.half_open_max = in.maybe_length();
    return o;
}

bool above_zero(duration d) { return d.count() > 0; }
bool above_zero(std::optional<duration> d) { return !d || d->count() > 0; }
bool is_ratio(std::optional<double> r) { return !r || (*r > 0 && *r <= 1); }

bool in_range(circuit_breaker_options const& o)
{
    auto const* const time = std::get_if<time_window>(&o.window);
    auto const* const last = std::get_if<count_window>(&o.window);
    auto const* const run = std::get_if<consecutive_window>(&o.window);
    auto const window_ok = (time && time->buckets > 0 && time->buckets <= 1000 && above_zero(time->size) &&
                            static_cast<std::uint64_t>(time->size.count()) >= time->buckets) ||
                           (last && last->size > 0 && last->size <= 1'000'000) || (run && run->failures > 0);
    auto const ratios_ok = is_ratio(o.failure_ratio) && is_ratio(o.slow_ratio) &&
                           (run ? !o.slow_ratio : o.failure_ratio || o.slow_ratio) &&
                           (!o.slow_ratio || o.slow_call);
    auto const times_ok = (!o.slow_call || o.slow_call->count() >= 0) && above_zero(o.open_for) &&
                          above_zero(o.open_max) && above_zero(o.half_open_max);
    return window_ok && ratios_ok && times_ok && o.min_calls > 0 && o.half_open_permits > 0 &&
           o.open_multiplier >= 1 && o.open_multiplier <= 100;
}

std::uint64_t in_billionths(double ratio)
{
    return static_cast<std::uint64_t>(std::floor(ratio * 1e9 + 0.5));
}

struct outcome
{
    bool failed;
    bool slow;
    time_point at;
};

bool same(circuit_breaker_snapshot const& a, circuit_breaker_snapshot const& b)
{
    return a.state == b.state && a.window == b.window && a.consecutive_failures == b.consecutive_failures &&
           a.trials_in_flight == b.trials_in_flight && a.opens_until == b.opens_until &&
           a.generation == b.generation;
}

class game
{
public:
    game(fuzz::input& in, policy::circuit_breaker& b) : in_(in), breaker_(b), o_(b.options()), time_(in) {}

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
        switch (in_.below(16)) {
        case 0: return force(circuit_state::forced_open);
        case 1: return force(circuit_state::closed);
        case 2:
        case 3: return time_.advance(in_);
        case 4:
        case 5:
            if (state_ == circuit_state::open) time_.approach(until_, in_);
            if (state_ == circuit_state::half_open && o_.half_open_max)
                time_.approach(saturating_add(since_, *o_.half_open_max), in_);
            return;
        case 6: return look_ahead();
        default: return in_.flag() || passes_.empty() ? admit() : settle();
        }
    }

    void force(circuit_state wanted)
    {
        if (wanted == circuit_state::closed)
            breaker_.force_close(time_.now());
        else
            breaker_.force_open(time_.now());
        if (wanted == circuit_state::closed) openings_ = 0;
        enter(wanted);
    }

    void look_ahead()
    {
        auto const before = breaker_.snapshot(time_.now());
        breaker_.snapshot(saturating_add(time_.now(), in_.length()));
        law(same(before, breaker_.snapshot(time_.now())), "looking changes nothing");
    }

    void admit()
    {
        auto const now = time_.now();
        if (state_ == circuit_state::open && now >= until_) enter(circuit_state::half_open);
        auto const overdue = state_ == circuit_state::half_open && o_.half_open_max &&
                             saturating_sub(now, since_) >= *o_.half_open_max;
        auto const answer = breaker_.admit(now);
        if (overdue) trip();

        switch (state_) {
        case circuit_state::open:
            law(answer == admission::refused(errc::circuit_open, until_),
                "an open circuit refuses everything until its time has come, and says when");
            law(now < until_ || overdue, "an open circuit whose time has come lets trials in");
            return;
        case circuit_state::forced_open:
            law(answer == admission::refused(errc::circuit_forced_open), "a forced open circuit refuses");
            return;
        case circuit_state::half_open:
            if (in_flight_ + outcomes_.size() >= o_.half_open_permits) {
                law(answer == admission::refused(errc::circuit_half_open),
                    "no more trials than half_open_permits");
                return;
            }
            ++in_flight_;
            break;
        case circuit_state::closed: break;
        }
        law(answer == admission::granted({generation_, now, 1}),
            "a closed circuit, or a free trial, lets in");
        passes_.push_back(answer.pass);
    }

    void settle()
    {
        auto const at = passes_.begin() +
                        static_cast<std::ptrdiff_t>(in_.below(std::min<std::size_t>(256, passes_.size())));
        auto const pass = *at;
        passes_.erase(at);
        auto const what = static_cast<verdict>(in_.below(4));
        auto const now = time_.now();
        auto const before = breaker_.snapshot(now);
        auto const stale = pass.generation != generation_;
        check_promises(pass, what);
        auto const counted = breaker_.settle(pass, what, now);

        law(counted == (!stale && what != verdict::ignored), "what is neither stale nor ignored is counted");
        if (stale) {
            law(same(before, breaker_.snapshot(now)), "a stale outcome changes nothing");
            return;
        }
        if (state_ == circuit_state::half_open) --in_flight_;
        if (what == verdict::ignored) return;
        auto const failed = what == verdict::failure || what == verdict::throttled;
        outcomes_.push_back({failed, o_.slow_call && saturating_sub(now, pass.at) > *o_.slow_call, now});
        judge(failed);
    }

    /// What lets its users spare it the time.
    void check_promises(grant pass, verdict what) const
    {
        auto const slow = o_.slow_call && saturating_sub(time_.now(), pass.at) > *o_.slow_call;
        if (what == verdict::success && !slow && breaker_.is_safe_from_success()) {
            auto after = breaker_;
            after.settle(pass, what, time_.now());
            law(after.state() == circuit_state::closed, "a success that is safe leaves the circuit closed");
        }
        if (what == verdict::success && !slow && breaker_.is_unmoved_by_success()) {
            auto after = breaker_;
            law(after.settle(pass, what, time_.now()) == (pass.generation == generation_),
                "a success that moves nothing is counted unless it is stale");
            law(same(after.snapshot(time_.now()), breaker_.snapshot(time_.now())),
                "a success that moves nothing leaves everything as it looks");
        }
        if (!breaker_.is_timeless() || state_ != circuit_state::closed) return;
        auto told = breaker_;
        auto untold = breaker_;
        pass.at = {};
        law(told.settle(pass, what, time_.now()) == untold.settle(pass, what, {}) &&
                told.state() == untold.state(),
            "without slow calls and a window of time, no outcome needs the time");
    }

    void judge(bool failed)
    {
        auto const* const run = std::get_if<consecutive_window>(&o_.window);
        auto const seen = window();
        if (state_ == circuit_state::closed) {
            auto const* const last = std::get_if<count_window>(&o_.window);
            auto const needed = last ? std::min(o_.min_calls, last->size) : o_.min_calls;
            if (run ? failures_in_a_row() >= run->failures : seen.total >= needed && bad(seen)) trip();
        } else if (run && failed) {
            trip();
        } else if (seen.total == o_.half_open_permits) {
            if (!run && bad(seen)) return trip();
            openings_ = 0;
            enter(circuit_state::closed);
        }
    }

    static bool reaches(std::size_t count, std::size_t total, std::optional<double> ratio)
    {
        if (!ratio) return false;
        auto const limit = std::max<std::uint64_t>(in_billionths(*ratio), 1);
        return wide(count) * 1'000'000'000 >= wide(limit) * wide(total);
    }

    bool bad(policy::tally const& t) const
    {
        return reaches(t.failed, t.total, o_.failure_ratio) || reaches(t.slow, t.total, o_.slow_ratio);
    }

    bool in_window(std::size_t i) const
    {
        if (state_ == circuit_state::half_open) return true;
        if (auto const* last = std::get_if<count_window>(&o_.window))
            return outcomes_.size() - i <= last->size;
        auto const& time = std::get<time_window>(o_.window);
        auto const slice = [&](time_point t) {
            auto const index = wide(t.time_since_epoch().count()) * wide(time.buckets) / time.size.count();
            return std::min<wide>(index, std::numeric_limits<std::int64_t>::max() - 1);
        };
        return slice(outcomes_[i].at) > slice(time_.now()) - wide(time.buckets);
    }

    policy::tally window() const
    {
        policy::tally seen;
        if (std::holds_alternative<consecutive_window>(o_.window) && state_ == circuit_state::closed)
            return seen;
        for (std::size_t i = 0; i < outcomes_.size(); ++i)
            if (in_window(i))
                seen += policy::tally{1, outcomes_[i].failed ? 1U : 0U, outcomes_[i].slow ? 1U : 0U};
        return seen;
    }

    std::size_t failures_in_a_row() const
    {
        if (state_ != circuit_state::closed || !std::holds_alternative<consecutive_window>(o_.window))
            return 0;
        auto const success =
            std::find_if(outcomes_.rbegin(), outcomes_.rend(), [](auto const& o) { return !o.failed; });
        return static_cast<std::size_t>(success - outcomes_.rbegin());
    }

    void trip()
    {
        auto const growth = static_cast<long double>(in_billionths(o_.open_multiplier)) / 1e9L;
        auto const longest = std::max(o_.open_max.value_or(duration::max()), o_.open_for);
        auto const ideal = static_cast<long double>(o_.open_for.count()) *
                           std::pow(growth, static_cast<long double>(openings_));
        ++openings_;
        enter(circuit_state::open);
        auto const seen = breaker_.snapshot(time_.now()).opens_until;
        law(seen.has_value(), "an open circuit says until when");
        until_ = *seen;
        law(until_ <= saturating_add(time_.now(), longest), "no open period is longer than open_max");
        law(until_ >= saturating_add(time_.now(), o_.open_for), "no open period is shorter than open_for");
        if (until_ == time_point::max()) return;
        auto const period = static_cast<long double>((until_ - time_.now()).count());
        auto const wanted = std::min(ideal, static_cast<long double>(longest.count()));
        law(std::abs(period - wanted) <= 1 + wanted * 1e-9L, "each opening is open_multiplier times as long");
    }

    void enter(circuit_state next)
    {
        state_ = next;
        since_ = time_.now();
        in_flight_ = 0;
        outcomes_.clear();
        ++generation_;
    }

    void check() const
    {
        auto const seen = breaker_.snapshot(time_.now());
        law(seen.state == state_ && breaker_.state() == state_, "it is in the state it should be in");
        law(seen.generation == generation_ && breaker_.generation() == generation_,
            "the generation grows by one with every change of state, and never else");
        law(seen.window == window(), "the window holds the outcomes of this generation that are in it");
        law(seen.consecutive_failures == failures_in_a_row(), "it counts the failures in a row");
        law(seen.trials_in_flight == in_flight_, "trials out are trials in and those in flight");
        law(breaker_.is_timeless() == (!o_.slow_call && !std::holds_alternative<time_window>(o_.window)),
            "time is of no matter exactly without slow calls and a window of time");
        law(!breaker_.is_safe_from_success() || state_ == circuit_state::closed,
            "only a closed circuit is safe from success");
        law(!breaker_.is_unmoved_by_success() || breaker_.is_safe_from_success(),
            "a success that moves nothing is safe");
        law(seen.opens_until.has_value() == (state_ == circuit_state::open),
            "only an open circuit has an end");
    }

    fuzz::input& in_;
    policy::circuit_breaker& breaker_;
    circuit_breaker_options const& o_;
    fuzz::timeline time_;
    std::vector<grant> passes_{};
    std::vector<outcome> outcomes_{}; ///< Of this generation.
    circuit_state state_ = circuit_state::closed;
    std::uint64_t generation_ = 1;
    std::size_t in_flight_ = 0;
    std::size_t openings_ = 0;
    time_point since_{};
    time_point until_{};
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::input in(data, size);
    auto const options = options_from(in);
    auto machine = fuzz::built<policy::circuit_breaker>("circuit_breaker", options, in_range(options));
    if (machine) game(in, *machine).play();
    return 0;
}
