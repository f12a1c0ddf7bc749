#include <keel/policy/parts/window.hpp>

#include <keel/policy/parts/exact.hpp>

#include <algorithm>

namespace keel::policy {
namespace {

constexpr std::size_t word_bits = 64;

std::size_t words_for(std::size_t bits) { return (bits + word_bits - 1) / word_bits; }

bool test(std::vector<std::uint64_t> const& bits, std::size_t i)
{
    return (bits[i / word_bits] >> (i % word_bits) & 1U) != 0;
}

void assign(std::vector<std::uint64_t>& bits, std::size_t i, bool value)
{
    auto const mask = std::uint64_t{1} << (i % word_bits);
    auto& word = bits[i / word_bits];
    word = value ? word | mask : word & ~mask;
}

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

outcome_ring::outcome_ring(std::size_t size) : size_(size), failed_(words_for(size)), slow_(words_for(size))
{}

void outcome_ring::add(bool failed, bool slow)
{
    if (sum_.total == size_) sum_ -= tally{1, test(failed_, next_) ? 1U : 0U, test(slow_, next_) ? 1U : 0U};
    sum_ += tally{1, failed ? 1U : 0U, slow ? 1U : 0U};
    assign(failed_, next_, failed);
    assign(slow_, next_, slow);
    next_ = next_ + 1 == size_ ? 0 : next_ + 1;
}

void outcome_ring::clear()
{
    next_ = 0;
    sum_ = {};
}

bucket_ring::bucket_ring(duration size, std::size_t buckets) : size_(size), buckets_(buckets) {}

void bucket_ring::add(bool failed, bool slow, time_point now)
{
    auto const count = static_cast<std::int64_t>(buckets_.size());
    auto const slice = std::max(newest_, slice_of(now, size_, buckets_.size()));
    for (auto skipped = std::max(newest_ + 1, slice - count + 1); skipped <= slice; ++skipped)
        buckets_[static_cast<std::size_t>(skipped % count)] = {};
    newest_ = slice;
    buckets_[static_cast<std::size_t>(slice % count)] += tally{1, failed ? 1U : 0U, slow ? 1U : 0U};
}

void bucket_ring::clear() { std::fill(buckets_.begin(), buckets_.end(), tally{}); }

bool bucket_ring::current(std::int64_t slice, std::int64_t now_slice) const noexcept
{
    return slice > now_slice - static_cast<std::int64_t>(buckets_.size()) && slice <= newest_;
}

tally bucket_ring::sum(time_point now) const noexcept
{
    auto const count = static_cast<std::int64_t>(buckets_.size());
    auto const now_slice = std::max(newest_, slice_of(now, size_, buckets_.size()));
    tally all;
    for (auto slice = std::max<std::int64_t>(0, newest_ - count + 1); slice <= newest_; ++slice)
        if (current(slice, now_slice)) all += buckets_[static_cast<std::size_t>(slice % count)];
    return all;
}

} // namespace keel::policy
