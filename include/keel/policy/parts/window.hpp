#pragma once

#include <keel/core/time.hpp>

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
    outcome_ring(std::size_t size, bool with_slow) noexcept;

    std::size_t words() const noexcept { return first_bits() + planes() * words_for_bits(); }
    void clear(word*) const noexcept;
    /// Without interest in slow calls, `slow` is forgotten.
    void add(word*, bool failed, bool slow) const noexcept;
    tally sum(word const*) const noexcept;
    bool is_full(word const*) const noexcept;

private:
    std::size_t planes() const noexcept { return with_slow_ ? 2 : 1; }
    std::size_t first_bits() const noexcept { return planes(); } // a word of counts before each plane of bits
    std::size_t words_for_bits() const noexcept;

    std::size_t size_;
    bool with_slow_;
};

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
