// The retry loop and its pauses: every law of back-off, every form of jitter, attempts up to 2^31.

#include "input.hpp"
#include "law.hpp"

#include <keel/policy/parts/exact.hpp>
#include <keel/policy/retry.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

namespace {

using namespace keel;
using fuzz::law;

__extension__ using wide = __int128;

template <class Law>
void read_common(Law& l, fuzz::input& in)
{
    if constexpr (requires { l.base; }) l.base = in.length();
    l.cap = in.flag() ? duration::max() : in.length();
    l.jitter = static_cast<jitter>(in.below(5));
    l.spread = in.ratio();
}

backoff backoff_from(fuzz::input& in)
{
    backoff chosen;
    switch (in.below(4)) {
    case 0: chosen = constant{}; break;
    case 1: chosen = linear{}; break;
    case 2: chosen = exponential{.multiplier = in.ratio()}; break;
    default: {
        auto const a = in.length();
        auto const b = in.length();
        custom own;
        if (!in.flag()) own.delay = [a, b](std::uint32_t k) { return k % 2 == 0 ? a : b; };
        chosen = std::move(own);
    }
    }
    std::visit([&](auto& l) { read_common(l, in); }, chosen);
    return chosen;
}

retry_options options_from(fuzz::input& in)
{
    retry_options o;
    o.max_attempts = in.flag() ? std::optional(in.count<std::uint32_t>()) : std::nullopt;
    o.max_duration = in.maybe_length();
    o.hint_cap = in.length();
    o.backoff = backoff_from(in);
    return o;
}

template <class Law>
bool in_range(Law const& l)
{
    if (!(l.spread >= 0 && l.spread <= 1) || l.cap.count() < 0) return false;
    if constexpr (std::is_same_v<Law, custom>)
        return l.delay && l.jitter != jitter::decorrelated;
    else if constexpr (std::is_same_v<Law, exponential>)
        return l.base.count() >= 0 && l.multiplier >= 1 && l.multiplier <= 100;
    else
        return l.base.count() >= 0;
}

bool in_range(retry_options const& o)
{
    return o.max_attempts.value_or(1) > 0 && o.max_duration.value_or(duration(1)).count() > 0 &&
           (o.max_attempts || o.max_duration) && o.hint_cap.count() >= 0 &&
           std::visit([](auto const& l) { return in_range(l); }, o.backoff);
}

/// Makes no machine: a loop trusts its options, which the handle has checked.
bool valid(retry_options const& o)
{
    auto const faults = validate(o);
    law(faults.empty() == in_range(o),
        "validate() reports a fault exactly when an option is out of its range");
    return faults.empty();
}

struct range
{
    long double low;
    long double high;
};

/// The delay before retry `k`, without jitter and cap.
long double ideal(exponential const& l, std::uint32_t k)
{
    auto const growth = static_cast<long double>(policy::billionths(l.multiplier)) / 1e9L;
    return l.base.count() == 0
               ? 0
               : static_cast<long double>(l.base.count()) * std::pow(growth, static_cast<long double>(k) - 1);
}
long double ideal(linear const& l, std::uint32_t k)
{
    return static_cast<long double>(wide(l.base.count()) * k);
}
long double ideal(constant const& l, std::uint32_t) { return static_cast<long double>(l.base.count()); }
long double ideal(custom const& l, std::uint32_t k)
{
    return static_cast<long double>(std::max(l.delay(k), duration::zero()).count());
}

/// What the words of the documentation allow, whatever the draw. `previous` is for decorrelated alone, and
/// has lost up to a nanosecond by rounding.
template <class Law>
range allowed(Law const& l, std::uint32_t k, long double previous)
{
    auto const cap = static_cast<long double>(l.cap.count());
    auto const v = std::min(ideal(l, k), cap);
    switch (l.jitter) {
    case jitter::none: return {v, v};
    case jitter::full: return {0, v};
    case jitter::equal: return {v / 2, v};
    case jitter::plus_minus: {
        auto const s = static_cast<long double>(l.spread);
        return {v * (1 - s), std::min(cap, v * (1 + s))};
    }
    case jitter::decorrelated: break;
    }
    if constexpr (requires { l.base; }) {
        auto const base = static_cast<long double>(l.base.count());
        return {std::min(base, cap), std::min(std::max(base, 3 * (previous + 1)), cap)};
    }
    return {0, cap};
}

bool inside(duration pause, range r)
{
    auto const value = static_cast<long double>(pause.count());
    auto const room =
        1 + r.high * 1e-6L; // powers in long double against exact ones, a nanosecond for the floor
    return value >= 0 && value >= r.low - room && value <= r.high + room;
}

/// Asking out of order costs one step per retry skipped, which is dear where growth is next to nothing.
std::uint32_t furthest_leap(backoff const& b)
{
    constexpr std::uint32_t some = 10'000;
    constexpr std::uint32_t all = std::uint32_t{1} << 31U;
    auto const* const l = std::get_if<exponential>(&b);
    return l && l->multiplier > 1 && l->multiplier < 1.01 ? some : all;
}

class pauses
{
public:
    pauses(fuzz::input& in, backoff const& law_of) : in_(in), law_(law_of), sequence_(law_of) {}

    void play()
    {
        auto const furthest = furthest_leap(law_);
        std::uint32_t k = 0;
        for (auto turns = 0; turns < 64 && !in_.empty(); ++turns) {
            k = in_.below(4) == 0 ? std::min(in_.word<std::uint32_t>(), furthest) : k + 1;
            ask(std::max(k, 1U));
        }
    }

private:
    void ask(std::uint32_t k)
    {
        auto const u = in_.draw();
        auto luckier = sequence_;
        auto again = sequence_;
        auto const pause = sequence_.next(k, u);
        std::visit(
            [&](auto const& l) {
                if constexpr (requires { l.base; })
                    if (!asked_) previous_ = static_cast<long double>(l.base.count());
                law(pause.count() >= 0, "no pause is negative");
                law(pause <= l.cap, "no pause is above the cap");
                law(inside(pause, allowed(l, k, previous_)), "a pause keeps to the law of its back-off");
            },
            law_);
        law(again.next(k, u) == pause, "the same draw gives the same pause");
        law(luckier.next(k, {u.denominator - 1, u.denominator}) >= pause,
            "a higher draw never waits shorter");
        previous_ = static_cast<long double>(pause.count());
        asked_ = true;
    }

    fuzz::input& in_;
    backoff const& law_;
    policy::backoff_sequence sequence_;
    long double previous_ = 0;
    bool asked_ = false;
};

class loop
{
public:
    loop(fuzz::input& in, retry_options const& o)
        : in_(in),
          o_(o),
          time_(in),
          retry_(o),
          started_(time_.now())
    {
        retry_.start(started_);
    }

    void play()
    {
        for (auto turns = 0; turns < 64 && !in_.empty(); ++turns) {
            auto const made = retry_.attempts();
            law(made == static_cast<std::uint32_t>(turns) + 1, "it counts the attempts");
            law(made <= o_.max_attempts.value_or(made), "never more attempts than max_attempts");
            time_.advance(in_);
            if (!go_on()) return;
        }
    }

private:
    bool go_on()
    {
        auto const now = time_.now();
        auto const deadline = in_.flag() ? std::optional(saturating_add(now, in_.length())) : std::nullopt;
        auto const hint = in_.flag() ? std::optional(std::max(in_.length(), duration::zero())) : std::nullopt;
        auto const seen = retry_.snapshot();
        auto const action = retry_.attempt_failed(now, deadline, hint, in_.draw());
        law(retry_.attempts() == seen.attempts && retry_.snapshot().started == started_,
            "a failed attempt begins none");

        if (auto const* stop = std::get_if<policy::give_up>(&action)) {
            check_stop(stop->why, deadline, hint);
            return false;
        }
        check_pause(std::get<policy::retry_after>(action).pause, deadline, hint);
        retry_.attempt_started();
        return true;
    }

    void check_stop(retry_stop why, std::optional<time_point> deadline, std::optional<duration> hint) const
    {
        auto const last = o_.max_attempts && retry_.attempts() >= *o_.max_attempts;
        law(last == (why == retry_stop::attempts), "it stops for the attempts exactly when they were made");
        if (last) return;
        auto const too_long = hint && *hint > o_.hint_cap;
        law(too_long == (why == retry_stop::hint_too_long),
            "it stops for the hint exactly when that is above the cap");
        law(too_long || (why == retry_stop::deadline && deadline) ||
                (why == retry_stop::max_duration && o_.max_duration),
            "it stops for a limit that there is");
    }

    void check_pause(duration pause, std::optional<time_point> deadline, std::optional<duration> hint) const
    {
        auto const now = time_.now();
        auto const cap = std::visit([](auto const& l) { return l.cap; }, o_.backoff);
        law(!o_.max_attempts || retry_.attempts() < *o_.max_attempts, "no retry follows the last attempt");
        law(pause >= hint.value_or(duration::zero()), "no pause is shorter than the server asked for");
        law(!hint || *hint <= o_.hint_cap, "no hint above the cap is followed");
        law(pause <= std::max(cap, hint.value_or(duration::zero())), "no pause is above the cap or the hint");
        law(!deadline || pause < saturating_sub(*deadline, now), "no pause reaches the deadline");
        law(!o_.max_duration ||
                wide(now.time_since_epoch().count()) + pause.count() - started_.time_since_epoch().count() <=
                    o_.max_duration->count() ||
                saturating_add(now, pause) == time_point::max(),
            "no pause ends later than max_duration");
    }

    fuzz::input& in_;
    retry_options const& o_;
    fuzz::timeline time_;
    policy::retry retry_;
    time_point started_;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::input in(data, size);
    auto const options = options_from(in);
    if (!valid(options)) return 0;
    if (in.flag())
        pauses(in, options.backoff).play();
    else
        loop(in, options).play();
    return 0;
}
