#include <keel/policy/parts/window.hpp>

#include <keel/policy/parts/exact.hpp>

#include <algorithm>

namespace keel::policy {
namespace {

constexpr std::size_t word_bits = 64;

bool test(word const* bits, std::size_t i) { return (bits[i / word_bits] >> (i % word_bits) & 1U) != 0; }

void assign(word* bits, std::size_t i, bool value)
{
    auto const mask = word{1} << (i % word_bits);
    auto& word = bits[i / word_bits];
    word = value ? word | mask : word & ~mask;
}

/// What a ring counts, in one word: a million fits into 20 bits.
struct ring_counts
{
    std::size_t next;
    std::size_t total;
    std::size_t failed;

    static constexpr unsigned bits = 20;
    static constexpr word mask = (word{1} << bits) - 1;

    static ring_counts in(word w) noexcept { return {w & mask, w >> bits & mask, w >> (2 * bits)}; }
    word packed() const noexcept { return next | total << bits | failed << (2 * bits); }
};

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

outcome_ring::outcome_ring(std::size_t size, bool with_slow) noexcept : size_(size), with_slow_(with_slow) {}

std::size_t outcome_ring::words_for_bits() const noexcept { return (size_ + word_bits - 1) / word_bits; }

// The bits may stay: none is read before it has been written anew.
void outcome_ring::clear(word* at) const noexcept { std::fill_n(at, first_bits(), word{0}); }

void outcome_ring::add(word* at, bool failed, bool slow) const noexcept
{
    auto counts = ring_counts::in(*at);
    auto* const failures = at + first_bits();
    auto const forgets = counts.total == size_;
    if (with_slow_) {
        auto* const slow_calls = failures + words_for_bits();
        at[1] += word{slow} - word{forgets && test(slow_calls, counts.next)};
        assign(slow_calls, counts.next, slow);
    }
    counts.failed += std::size_t{failed} - std::size_t{forgets && test(failures, counts.next)};
    assign(failures, counts.next, failed);
    counts.total += std::size_t{!forgets};
    counts.next = counts.next + 1 == size_ ? 0 : counts.next + 1;
    *at = counts.packed();
}

tally outcome_ring::sum(word const* at) const noexcept
{
    auto const counts = ring_counts::in(*at);
    return {counts.total, counts.failed, with_slow_ ? at[1] : 0};
}

bool outcome_ring::is_full(word const* at) const noexcept { return ring_counts::in(*at).total == size_; }

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
