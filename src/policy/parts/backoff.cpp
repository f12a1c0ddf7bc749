#include <keel/policy/parts/backoff.hpp>

#include <algorithm>
#include <type_traits>

namespace keel {
namespace {

template <class Law>
constexpr bool has_base = !std::is_same_v<Law, custom>;

bool within(double value, double low, double high) { return value >= low && value <= high; }

template <class Law>
void check(Law const& law, option_faults& faults)
{
    if constexpr (has_base<Law>) {
        faults.require(law.base >= duration::zero(), "base", law.base, "0 or more");
    } else {
        faults.require(law.delay != nullptr, "delay", "empty", "a function");
        faults.require(law.jitter != jitter::decorrelated, "jitter", to_string(law.jitter),
                       "any but decorrelated");
    }
    if constexpr (std::is_same_v<Law, exponential>)
        faults.require(within(law.multiplier, 1, 100), "multiplier", law.multiplier, "1 to 100");
    faults.require(within(law.spread, 0, 1), "spread", law.spread, "0 to 1");
    faults.require(law.cap >= duration::zero(), "cap", law.cap, "0 or more");
}

} // namespace

std::string_view to_string(jitter j) noexcept
{
    switch (j) {
    case jitter::none: return "none";
    case jitter::full: return "full";
    case jitter::equal: return "equal";
    case jitter::plus_minus: return "plus_minus";
    case jitter::decorrelated: return "decorrelated";
    }
    return "unknown";
}

option_faults validate(backoff const& law)
{
    option_faults faults;
    std::visit([&](auto const& l) { check(l, faults); }, law);
    return faults;
}

namespace policy {
namespace {

exact_duration spread_around(exact_duration v, double spread, chance u)
{
    auto const low = v.scaled(billion - billionths(spread), billion);
    return low.plus(v.scaled(u).scaled(2 * billionths(spread), billion));
}

exact_duration jittered(exact_duration v, jitter how, double spread, chance u)
{
    switch (how) {
    case jitter::full: return v.scaled(u);
    case jitter::equal: return v.scaled(u.denominator + u.numerator, 2 * u.denominator);
    case jitter::plus_minus: return spread_around(v, spread, u);
    case jitter::none:
    case jitter::decorrelated: break;
    }
    return v;
}

} // namespace

duration backoff_sequence::next(std::uint32_t retry, chance u)
{
    return std::visit(
        [&]<class Law>(Law const& law) {
            auto const cap = exact_duration(law.cap);
            if constexpr (has_base<Law>)
                if (law.jitter == jitter::decorrelated)
                    return decorrelated(exact_duration(law.base), cap, u).floor();
            auto const v = std::min(raw(retry), cap);
            return std::min(jittered(v, law.jitter, law.spread, u), cap).floor();
        },
        *law_);
}

exact_duration backoff_sequence::raw(std::uint32_t retry)
{
    if (auto const* law = std::get_if<constant>(law_)) return exact_duration(law->base);
    if (auto const* law = std::get_if<linear>(law_)) return exact_duration(law->base).scaled(retry, 1);
    if (auto const* law = std::get_if<custom>(law_)) return exact_duration(law->delay(retry));

    auto const& law = std::get<exponential>(*law_);
    auto const cap = exact_duration(law.cap);
    auto const growth = billionths(law.multiplier);
    if (reached_ == 0 || reached_ > retry) {
        reached_ = 1;
        value_ = exact_duration(law.base);
    }
    auto const grows = growth > billion && value_ > exact_duration{};
    for (; reached_ < retry && grows && value_ < cap; ++reached_) value_ = value_.scaled(growth, billion);
    reached_ = retry;
    return value_;
}

exact_duration backoff_sequence::decorrelated(exact_duration base, exact_duration cap, chance u)
{
    auto const previous = reached_ == 0 ? base : value_;
    auto const range = previous.scaled(3, 1).minus(base);
    reached_ = 1;
    value_ = std::min(base.plus(range.scaled(u)), cap);
    return value_;
}

} // namespace policy
} // namespace keel
