#pragma once

#include <keel/core/time.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

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

/// The last `size` outcomes. Two bits each.
class outcome_ring
{
public:
    explicit outcome_ring(std::size_t size);

    void add(bool failed, bool slow);
    void clear();
    tally const& sum() const noexcept { return sum_; }

private:
    std::size_t size_;
    std::size_t next_ = 0;
    tally sum_{};
    std::vector<std::uint64_t> failed_;
    std::vector<std::uint64_t> slow_;
};

/// The outcomes of the last `size` of time, in `buckets` slices aligned to time 0: the current slice and the
/// `buckets - 1` before it. Time passing alone forgets nothing until somebody looks with a later time.
class bucket_ring
{
public:
    bucket_ring(duration size, std::size_t buckets);

    void add(bool failed, bool slow, time_point now);
    void clear();
    tally sum(time_point now) const noexcept;

private:
    bool current(std::int64_t slice, std::int64_t now_slice) const noexcept;

    duration size_;
    std::int64_t newest_ = 0;
    std::vector<tally> buckets_;
};

} // namespace keel::policy
