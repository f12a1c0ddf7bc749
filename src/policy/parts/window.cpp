#include <keel/policy/parts/window.hpp>

#include <keel/policy/parts/exact.hpp>

#include <algorithm>

namespace keel::policy {
namespace {

/// What bucket `i` of a window of time holds begins here; the newest slice is in the word before the first.
word* bucket(word* at, std::int64_t i) { return at + 1 + 3 * i; }
word const* bucket(word const* at, std::int64_t i) { return at + 1 + 3 * i; }

} // namespace

tally& tally::operator+=(tally const& other) noexcept
{
    total += other.total;
    failed += other.failed;
    slow += other.slow;
    return *this;
}

tally& tally::operator-=(tally const& other) noexcept
{
    total -= other.total;
    failed -= other.failed;
    slow -= other.slow;
    return *this;
}

std::size_t bucket_ring::words() const noexcept { return 1 + 3 * buckets_; }

void bucket_ring::clear(word* at) const noexcept { std::fill_n(at, words(), word{0}); }

void bucket_ring::add(word* at, bool failed, bool slow, time_point now) const noexcept
{
    auto const count = static_cast<std::int64_t>(buckets_);
    auto const newest = static_cast<std::int64_t>(*at);
    auto const slice = std::max(newest, slice_of(now, size_, buckets_));
    for (auto skipped = std::max(newest + 1, slice - count + 1); skipped <= slice; ++skipped)
        std::fill_n(bucket(at, skipped % count), 3, word{0});
    *at = static_cast<word>(slice);
    auto* const current = bucket(at, slice % count);
    current[0] += 1;
    current[1] += failed ? 1U : 0U;
    current[2] += slow ? 1U : 0U;
}

tally bucket_ring::sum(word const* at, time_point now) const noexcept
{
    auto const count = static_cast<std::int64_t>(buckets_);
    auto const newest = static_cast<std::int64_t>(*at);
    auto const oldest = std::max(newest, slice_of(now, size_, buckets_)) - count + 1;
    tally all;
    for (auto slice = std::max<std::int64_t>(0, oldest); slice <= newest; ++slice) {
        auto const* const held = bucket(at, slice % count);
        all += tally{held[0], held[1], held[2]};
    }
    return all;
}

} // namespace keel::policy
