#include <keel/policy/parts/exact.hpp>

#include <algorithm>
#include <limits>

namespace keel::policy {
namespace {

__extension__ using wide = unsigned __int128;
__extension__ using signed_wide = __int128;

constexpr std::uint64_t largest = static_cast<std::uint64_t>(std::numeric_limits<duration::rep>::max());

// One less than the largest, so that a loop over slices can count past the last.
constexpr signed_wide first_slice = std::numeric_limits<std::int64_t>::min();
constexpr signed_wide last_slice = std::numeric_limits<std::int64_t>::max() - 1;

} // namespace

exact_duration::exact_duration(duration d) noexcept
    : whole_(d.count() > 0 ? static_cast<std::uint64_t>(d.count()) : 0)
{}

exact_duration exact_duration::scaled(std::uint64_t multiply, std::uint64_t divide) const noexcept
{
    auto const product = wide{whole_} * multiply;
    auto const quotient = product / divide;
    auto const remainder = product % divide;
    auto const tail = (remainder << 64U) + wide{fraction_} * multiply;
    auto const tail_quotient = tail / divide + (tail % divide != 0 ? 1 : 0);

    auto const whole = quotient + (tail_quotient >> 64U);
    exact_duration result;
    if (whole > largest) {
        result.whole_ = largest;
        return result;
    }
    result.whole_ = static_cast<std::uint64_t>(whole);
    result.fraction_ = static_cast<std::uint64_t>(tail_quotient);
    return result;
}

exact_duration exact_duration::plus(exact_duration other) const noexcept
{
    exact_duration result;
    result.fraction_ = fraction_ + other.fraction_;
    auto const carry = result.fraction_ < fraction_ ? 1U : 0U;
    result.whole_ = whole_ + other.whole_ + carry;
    if (result.whole_ > largest) {
        result.whole_ = largest;
        result.fraction_ = 0;
    }
    return result;
}

exact_duration exact_duration::minus(exact_duration other) const noexcept
{
    if (*this <= other) return {};
    exact_duration result;
    result.fraction_ = fraction_ - other.fraction_;
    auto const borrow = fraction_ < other.fraction_ ? 1U : 0U;
    result.whole_ = whole_ - other.whole_ - borrow;
    return result;
}

duration exact_duration::floor() const noexcept { return duration(static_cast<duration::rep>(whole_)); }

std::int64_t slice_of(time_point at, duration width, std::uint64_t parts) noexcept
{
    auto const scaled = signed_wide{at.time_since_epoch().count()} * static_cast<signed_wide>(parts);
    auto const divisor = signed_wide{width.count()};
    auto const floor = scaled / divisor - (scaled % divisor < 0 ? 1 : 0);
    return static_cast<std::int64_t>(std::clamp(floor, first_slice, last_slice));
}

} // namespace keel::policy
