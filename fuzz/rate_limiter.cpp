// Both algorithms of the rate limiter: the promise of the rate over every interval, what callers are told,
// and that both admit the same calls where they should.

#include "input.hpp"
#include "law.hpp"

#include <keel/policy/rate_limiter.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using namespace keel;
using fuzz::law;

__extension__ using wide = __int128;

constexpr wide most_of_time = duration::max().count() / 2;

rate_limiter_options options_from(fuzz::input& in)
{
    rate_limiter_options o;
    o.permits = in.count<std::uint32_t>();
    o.per = in.length();
    if (in.flag()) o.burst = in.count<std::uint32_t>();
    o.max_wait = in.length();
    if (in.flag()) o.initial = in.count<std::uint32_t>();
    o.algorithm = in.flag() ? rate_algorithm::gcra : rate_algorithm::token_bucket;
    return o;
}

wide burst_of(rate_limiter_options const& o) { return o.burst.value_or(o.permits); }

bool in_range(rate_limiter_options const& o)
{
    if (o.permits == 0 || o.per.count() <= 0 || o.per > std::chrono::hours(24)) return false;
    auto const centuries = static_cast<double>(burst_of(o)) * static_cast<double>(o.per.count()) / o.permits;
    return o.per.count() >= o.permits && burst_of(o) > 0 && centuries <= 4.6e18 && o.max_wait.count() >= 0 &&
           (!o.initial || o.algorithm == rate_algorithm::token_bucket);
}

/// A call that was let in, or will be.
struct entry
{
    grant pass;
    time_point at;
};

class game
{
public:
    game(fuzz::input& in, policy::rate_limiter& l)
        : in_(in),
          limiter_(l),
          o_(l.options()),
          time_(in),
          twin_(twin_of(l.options()))
    {
        if (!in.flag()) return;
        limiter_.start(time_.now());
        twin_.start(time_.now());
    }

    void play()
    {
        while (!in_.empty() && entries_.size() < 300) {
            turn();
            check();
        }
    }

private:
    /// The same limiter with the other algorithm.
    static rate_limiter_options twin_of(rate_limiter_options o)
    {
        auto const is_gcra = o.algorithm == rate_algorithm::gcra;
        o.algorithm = is_gcra ? rate_algorithm::token_bucket : rate_algorithm::gcra;
        o.initial.reset();
        return o;
    }

    void turn()
    {
        switch (in_.below(8)) {
        case 0: return time_.advance(in_);
        case 1: return time_.approach(told_, in_);
        case 2: return withdraw();
        case 3: return admit(in_.count<std::uint32_t>(), in_.length());
        case 4: return admit(in_.byte(), o_.max_wait);
        default: return admit(1, in_.flag() ? o_.max_wait : in_.length());
        }
    }

    void admit(std::uint32_t weight, duration max_wait)
    {
        auto const now = time_.now();
        auto const before = limiter_;
        admit_at_once(before, weight);
        auto const answer = limiter_.admit(now, weight, max_wait);
        auto const others = twin_.admit(now, weight, max_wait);
        law(!comparable() || answer == others, "both algorithms give the same answers");

        switch (answer.what) {
        case admission::kind::granted:
            law(answer.pass.at == now && answer.pass.weight == weight,
                "a granted call is granted now, with its weight");
            law(max_wait.count() >= 0, "a call with less than no time is refused");
            return enter({answer.pass, now});
        case admission::kind::wait_until:
            law(answer.at && *answer.at > now, "a reservation is for later");
            law(answer.pass.at == *answer.at && answer.pass.weight == weight,
                "a reservation knows its time and its weight");
            law(saturating_sub(*answer.at, now) <= max_wait, "no reservation is further away than max_wait");
            told_ = *answer.at;
            return enter({answer.pass, *answer.at});
        case admission::kind::wait_turn: return law(false, "a rate limiter has no queue");
        case admission::kind::refused: break;
        }
        law(answer.why == errc::rate_limited, "a refusal says why");
        law(answer.at.has_value() == (weight <= burst_of(o_)),
            "exactly what is heavier than the burst never comes");
        refused(before, answer, weight, max_wait);
    }

    /// What a call that does not wait is told, asked in two ways.
    void admit_at_once(policy::rate_limiter before, std::uint32_t weight) const
    {
        auto const now = time_.now();
        auto after = before;
        auto const pass = before.admit_at_once(now, weight);
        auto const answer = after.admit(now, weight, duration::zero());
        law(!pass || answer == admission::granted(*pass), "who is admitted at once is admitted");
        if (!pass && now == time_point::max()) return; // there is no later time to make him wait for
        law(pass || answer.what != admission::kind::granted, "who need not wait is admitted at once");
        law(before.snapshot(now).available == after.snapshot(now).available, "either way costs as much");
    }

    void refused(policy::rate_limiter before, admission const& answer, std::uint32_t weight,
                 duration max_wait)
    {
        auto const now = time_.now();
        auto after = limiter_;
        law(before.snapshot(now).available == after.snapshot(now).available, "a refusal spends nothing");
        if (!answer.at) return;
        told_ = *answer.at;
        law(max_wait.count() < 0 || saturating_sub(*answer.at, now) > max_wait,
            "a call is refused only if it would wait too long");
        if (*answer.at == time_point::max()) return;
        law(after.admit(*answer.at, weight, duration::zero()).what == admission::kind::granted,
            "whoever comes back when told is let in");
        if (*answer.at <= now || weight == 0) return;
        law(before.admit(*answer.at - duration(1), weight, duration::zero()).what != admission::kind::granted,
            "nobody is told to come later than necessary");
    }

    void withdraw()
    {
        std::erase_if(pending_, [&](auto const& e) { return e.at <= time_.now(); });
        if (pending_.empty()) return;
        auto const given_back =
            pending_.begin() +
            static_cast<std::ptrdiff_t>(in_.below(std::min<std::size_t>(256, pending_.size())));
        auto const before = limiter_.snapshot(time_.now()).available;
        auto const same = [&](entry const& e) { return e.pass == given_back->pass; };
        limiter_.withdraw(given_back->pass, time_.now());
        twin_.withdraw(given_back->pass, time_.now());
        law(limiter_.snapshot(time_.now()).available >= before, "what is given back is not lost");
        entries_.erase(std::find_if(entries_.begin(), entries_.end(), same));
        pending_.erase(given_back);
    }

    void enter(entry const& e)
    {
        if (e.at > time_.now()) pending_.push_back(e);
        entries_.push_back(e);
        for (auto const& from : entries_) check_rate(from.at, e.at);
    }

    /// Over [first, last] no more than `burst + t * permits / per`. What was withdrawn never starts.
    void check_rate(time_point first, time_point last) const
    {
        if (first > last || last == time_point::max()) return;
        wide inside = 0;
        for (auto const& e : entries_)
            if (e.at >= first && e.at <= last) inside += e.pass.weight;
        auto const span = wide((last - first).count()) + 1; // starts are rounded up to whole nanoseconds
        law((inside - burst_of(o_)) * o_.per.count() <= span * o_.permits,
            "over every interval no more start than burst and rate allow");
    }

    bool comparable() const
    {
        auto const whole = o_.per.count() % o_.permits == 0;
        return whole && !o_.initial && time_.now().time_since_epoch().count() < most_of_time / 2;
    }

    void check() const
    {
        auto const now = time_.now();
        auto const seen = limiter_.snapshot(now);
        law(seen.burst == burst_of(o_), "the burst is what the options say");
        law(seen.available <= burst_of(o_), "there are never more tokens than burst");
        law(limiter_.snapshot(saturating_add(now, o_.per)).available >= seen.available,
            "time takes no token");
        law(limiter_.snapshot(now).available == seen.available, "looking changes nothing");
        law(!comparable() || twin_.snapshot(now).available == seen.available,
            "both algorithms have as many tokens left");
    }

    fuzz::input& in_;
    policy::rate_limiter& limiter_;
    rate_limiter_options const& o_;
    fuzz::timeline time_;
    policy::rate_limiter twin_;
    std::vector<entry> entries_{};
    std::vector<entry> pending_{};
    time_point told_{};
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::input in(data, size);
    auto const options = options_from(in);
    auto machine = fuzz::built<policy::rate_limiter>("rate_limiter", options, in_range(options));
    if (machine) game(in, *machine).play();
    return 0;
}
