#pragma once

#include <keel/core/time.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

// A window is described once, for all circuits that go by the same rules. What it holds for one of them lies
// in words that the owner of the circuit keeps, `words()` of them, and hands in at each call; cleared, and so
// valid, once they are zero.

namespace keel::policy {

/// How many outcomes, and how many of them bad.
struct tally
{
    std::size_t total = 0;
    std::size_t failed = 0;
    std::size_t slow = 0;

    tally& operator+=(tally const& other) noexcept;
    tally& operator-=(tally const& other) noexcept;
    friend bool operator==(tally const&, tally const&) = default;
};

/// Where the contents of a window lie.
using word = std::uint64_t;

/// The last `size` outcomes, up to a million. A bit each, and one more where slow calls are of interest.
class outcome_ring
{
public:
    outcome_ring(std::size_t size, bool with_slow) noexcept : size_(size), with_slow_(with_slow) {}

    std::size_t words() const noexcept { return first_bits() + planes() * words_for_bits(); }
    // The bits may stay: none is read before it has been written anew.
    void clear(word* at) const noexcept { std::fill_n(at, first_bits(), word{0}); }
    /// Without interest in slow calls, `slow` is forgotten.
    void add(word*, bool failed, bool slow) const noexcept;
    tally sum(word const* at) const noexcept
    {
        auto const counted = counts::in(*at);
        return {counted.total, counted.failed, with_slow_ ? at[1] : 0};
    }
    bool is_full(word const* at) const noexcept { return counts::in(*at).total == size_; }

private:
    /// What a ring counts, but for slow calls, in one word: a million fits into 20 bits.
    struct counts
    {
        std::size_t next;
        std::size_t total;
        std::size_t failed;

        static constexpr unsigned bits = 20;
        static constexpr word mask = (word{1} << bits) - 1;

        static counts in(word w) noexcept { return {w & mask, w >> bits & mask, w >> (2 * bits)}; }
        word packed() const noexcept { return next | total << bits | failed << (2 * bits); }
    };

    static constexpr std::size_t word_bits = 64;

    /// Writes bit `i`. \returns what it was before
    static bool exchange(word* bits, std::size_t i, bool value) noexcept
    {
        auto& held = bits[i / word_bits];
        auto const place = i % word_bits;
        auto const before = (held >> place & 1U) != 0;
        held ^= word{before != value} << place;
        return before;
    }

    std::size_t planes() const noexcept { return with_slow_ ? 2 : 1; }
    std::size_t first_bits() const noexcept { return planes(); } // a word of counts before each plane of bits
    std::size_t words_for_bits() const noexcept { return (size_ + word_bits - 1) / word_bits; }

    std::size_t size_;
    bool with_slow_;
};

inline void outcome_ring::add(word* at, bool failed, bool slow) const noexcept
{
    auto counted = counts::in(*at);
    auto const forgets = counted.total == size_;
    auto* const failures = at + first_bits();
    auto const failed_then = exchange(failures, counted.next, failed);
    counted.failed += std::size_t{failed} - std::size_t{forgets && failed_then};
    if (with_slow_) {
        auto const slow_then = exchange(failures + words_for_bits(), counted.next, slow);
        at[1] += word{slow} - word{forgets && slow_then};
    }
    counted.total += std::size_t{!forgets};
    counted.next = counted.next + 1 == size_ ? 0 : counted.next + 1;
    *at = counted.packed();
}

/// The outcomes of the last `size` of time, in `buckets` slices aligned to time 0: the current slice and the
/// `buckets - 1` before it. Time passing alone forgets nothing until somebody looks with a later time.
class bucket_ring
{
public:
    bucket_ring(duration size, std::size_t buckets) noexcept : size_(size), buckets_(buckets) {}

    std::size_t words() const noexcept;
    void clear(word*) const noexcept;
    void add(word*, bool failed, bool slow, time_point now) const noexcept;
    tally sum(word const*, time_point now) const noexcept;

private:
    duration size_;
    std::size_t buckets_;
};

/// How many failures there have been in a row.
class failure_run
{
public:
    static constexpr std::size_t words() noexcept { return 1; }
    static void clear(word* at) noexcept { *at = 0; }
    static void add(word* at, bool failed) noexcept { *at = failed ? *at + 1 : 0; }
    static std::size_t length(word const* at) noexcept { return *at; }
};

} // namespace keel::policy
