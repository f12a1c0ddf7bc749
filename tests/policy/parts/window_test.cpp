#include <keel/policy/parts/window.hpp>

#include "support/dice.hpp"
#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using policy::tally;

/// A window together with the words that its contents lie in.
template <class Window>
class owning
{
public:
    template <class... Described>
    explicit owning(Described... by) : window_(by...),
                                       words_(window_.words())
    {}

    void clear() { window_.clear(words_.data()); }
    template <class... Outcome>
    void add(Outcome... what)
    {
        window_.add(words_.data(), what...);
    }
    template <class... Now>
    tally sum(Now... now) const
    {
        return window_.sum(words_.data(), now...);
    }
    bool is_full() const { return window_.is_full(words_.data()); }
    std::size_t length() const { return window_.length(words_.data()); }
    std::size_t words() const { return words_.size(); }

private:
    Window window_;
    std::vector<policy::word> words_;
};

using bucket_ring = owning<policy::bucket_ring>;
using failure_run = owning<policy::failure_run>;

class outcome_ring : public owning<policy::outcome_ring>
{
public:
    explicit outcome_ring(std::size_t size, bool with_slow = true) : owning(size, with_slow) {}
};

struct outcome
{
    bool failed;
    bool slow;
    duration at;
};

tally sum_of(std::vector<outcome> const& outcomes)
{
    tally sum;
    for (auto const& o : outcomes) sum += tally{1, o.failed ? 1U : 0U, o.slow ? 1U : 0U};
    return sum;
}

/// A window as one would write it on a napkin: every outcome of all time, looked through at each question.
class all_outcomes
{
public:
    void add(bool failed, bool slow, duration at) { list_.push_back({failed, slow, at}); }
    void clear() { list_.clear(); }

    tally last(std::size_t n) const
    {
        auto const from = list_.size() > n ? list_.size() - n : 0;
        return sum_of({list_.begin() + static_cast<std::ptrdiff_t>(from), list_.end()});
    }

    /// Those in the slice of `now` and the `buckets - 1` before it. `size` is a multiple of `buckets`.
    tally recent(duration now, duration size, std::int64_t buckets) const
    {
        auto const slice = size / buckets;
        auto const oldest = (now / slice - (buckets - 1)) * slice;
        std::vector<outcome> seen;
        std::copy_if(list_.begin(), list_.end(), std::back_inserter(seen),
                     [&](auto& o) { return o.at >= oldest; });
        return sum_of(seen);
    }

private:
    std::vector<outcome> list_;
};

TEST(tally, adds_and_subtracts_each_count_by_itself)
{
    tally t{5, 3, 2};
    t += tally{10, 20, 30};
    EXPECT_EQ(t, (tally{15, 23, 32}));
    t -= tally{1, 2, 3};
    EXPECT_EQ(t, (tally{14, 21, 29}));
}

TEST(outcome_ring, a_life_fills_forgets_the_oldest_and_starts_anew)
{
    outcome_ring ring(3U);
    EXPECT_EQ(ring.sum(), (tally{0, 0, 0}));
    ring.add(true, false);
    ring.add(false, true);
    ring.add(true, true);
    EXPECT_EQ(ring.sum(), (tally{3, 2, 2}));
    ring.add(false, false); // pushes out failed
    EXPECT_EQ(ring.sum(), (tally{3, 1, 2}));
    ring.add(false, false); // pushes out slow
    EXPECT_EQ(ring.sum(), (tally{3, 1, 1}));
    ring.add(false, false); // pushes out both
    EXPECT_EQ(ring.sum(), (tally{3, 0, 0}));
    ring.clear();
    EXPECT_EQ(ring.sum(), (tally{0, 0, 0}));
    ring.add(true, false);
    EXPECT_EQ(ring.sum(), (tally{1, 1, 0}));
}

TEST(outcome_ring, a_ring_of_one_knows_the_last_outcome)
{
    outcome_ring ring(1U);
    ring.add(true, true);
    EXPECT_EQ(ring.sum(), (tally{1, 1, 1}));
    ring.add(false, true);
    EXPECT_EQ(ring.sum(), (tally{1, 0, 1}));
}

TEST(outcome_ring, what_was_there_before_a_clear_never_comes_back)
{
    outcome_ring ring(4U);
    for (int i = 0; i < 4; ++i) ring.add(true, true);
    ring.clear();
    for (int i = 0; i < 4; ++i) ring.add(false, false);
    EXPECT_EQ(ring.sum(), (tally{4, 0, 0}));
    ring.add(false, false);
    EXPECT_EQ(ring.sum(), (tally{4, 0, 0}));
}

TEST(outcome_ring, equals_the_last_outcomes_of_a_list_of_all)
{
    tests::dice dice(8);
    for (std::size_t const size : {1U, 2U, 5U, 63U, 64U, 65U, 128U, 200U}) {
        outcome_ring ring(size);
        all_outcomes naive;
        for (int i = 0; i < 2000; ++i) {
            if (dice.one_in(400)) {
                ring.clear();
                naive.clear();
            }
            auto const failed = dice.one_in(2);
            auto const slow = dice.one_in(3);
            ring.add(failed, slow);
            naive.add(failed, slow, 0ns);
            ASSERT_EQ(ring.sum(), naive.last(size)) << "size " << size << ", step " << i;
        }
    }
}

TEST(outcome_ring, without_interest_in_slow_calls_it_forgets_them_and_takes_half_the_room)
{
    outcome_ring ring(100U, false);
    EXPECT_EQ(ring.words(), 3U) << "one of counts, two of bits";
    EXPECT_EQ(outcome_ring(100).words(), 6U);
    EXPECT_EQ(policy::outcome_ring(64, false).words(), 2U) << "not a word more than its bits need";
    EXPECT_EQ(policy::outcome_ring(65, false).words(), 3U);
    for (int i = 0; i < 150; ++i) ring.add(i < 75, true);
    EXPECT_EQ(ring.sum(), (tally{100, 25, 0}));
}

TEST(outcome_ring, is_full_once_it_has_as_many_outcomes_as_it_keeps)
{
    outcome_ring ring(2U);
    ring.add(false, false);
    EXPECT_FALSE(ring.is_full());
    ring.add(false, false);
    EXPECT_TRUE(ring.is_full());
    ring.add(false, false);
    EXPECT_TRUE(ring.is_full());
    ring.clear();
    EXPECT_FALSE(ring.is_full());
}

TEST(failure_run, counts_failures_in_a_row)
{
    EXPECT_EQ(policy::failure_run::words(), 1U);
    failure_run run;
    run.add(true);
    run.add(true);
    EXPECT_EQ(run.length(), 2U);
    run.add(false);
    EXPECT_EQ(run.length(), 0U);
    run.add(true);
    run.clear();
    EXPECT_EQ(run.length(), 0U);
}

TEST(outcome_ring, holds_a_million_outcomes)
{
    constexpr std::size_t size = 1'000'000;
    outcome_ring ring(size);
    for (std::size_t i = 0; i < size + 10; ++i) ring.add(i < 10, i >= size);
    EXPECT_EQ(ring.sum(), (tally{size, 0, 10}));
}

TEST(bucket_ring, a_life_counts_slides_and_starts_anew)
{
    bucket_ring ring(10s, 5U); // slices of 2 s
    ring.add(true, false, time_point(0s));
    ring.add(false, true, time_point(3s));
    EXPECT_EQ(ring.sum(time_point(3s)), (tally{2, 1, 1}));
    EXPECT_EQ(ring.sum(time_point(9'999'999'999ns)), (tally{2, 1, 1}));
    EXPECT_EQ(ring.sum(time_point(10s)), (tally{1, 0, 1}))
        << "the slice from 0 s to 2 s is the sixth from here";
    ring.add(true, true, time_point(11s));
    EXPECT_EQ(ring.sum(time_point(11s)), (tally{2, 1, 2}));
    EXPECT_EQ(ring.sum(time_point(12s)), (tally{1, 1, 1}));
    EXPECT_EQ(ring.sum(time_point(20s)), (tally{0, 0, 0}));
    ring.add(false, false, time_point(20s));
    ring.clear();
    EXPECT_EQ(ring.sum(time_point(20s)), (tally{0, 0, 0}));
    ring.add(true, false, time_point(21s));
    EXPECT_EQ(ring.sum(time_point(21s)), (tally{1, 1, 0}));
}

TEST(bucket_ring, takes_three_words_for_each_bucket_and_one_besides)
{
    EXPECT_EQ(bucket_ring(1s, 1U).words(), 4U);
    EXPECT_EQ(bucket_ring(1s, 10U).words(), 31U);
}

TEST(bucket_ring, looking_later_forgets_nothing_for_good)
{
    bucket_ring ring(10s, 10U);
    ring.add(true, false, time_point(1s));
    EXPECT_EQ(ring.sum(time_point(1h)), (tally{0, 0, 0}));
    EXPECT_EQ(ring.sum(time_point(2s)), (tally{1, 1, 0}));
}

TEST(bucket_ring, an_outcome_that_comes_with_an_earlier_time_counts_as_of_the_latest)
{
    bucket_ring ring(10s, 10U);
    ring.add(false, false, time_point(20s));
    ring.add(true, false, time_point(5s));
    EXPECT_EQ(ring.sum(time_point(20s)), (tally{2, 1, 0}));
    EXPECT_EQ(ring.sum(time_point(5s)), (tally{2, 1, 0}));
    EXPECT_EQ(ring.sum(time_point(29s)), (tally{2, 1, 0}));
    EXPECT_EQ(ring.sum(time_point(30s)), (tally{0, 0, 0}));
}

TEST(bucket_ring, one_bucket_forgets_everything_at_once)
{
    bucket_ring ring(1s, 1U);
    ring.add(true, false, time_point(999ms));
    EXPECT_EQ(ring.sum(time_point(999'999'999ns)), (tally{1, 1, 0}));
    EXPECT_EQ(ring.sum(time_point(1s)), (tally{0, 0, 0}));
}

TEST(bucket_ring, a_long_silence_leaves_no_bucket_behind)
{
    bucket_ring ring(10s, 10U);
    for (auto at = 0s; at < 10s; at += 1s) ring.add(true, true, time_point(at));
    EXPECT_EQ(ring.sum(time_point(9s)), (tally{10, 10, 10}));
    ring.add(false, false, time_point(24h));
    EXPECT_EQ(ring.sum(time_point(24h)), (tally{1, 0, 0}));
}

TEST(bucket_ring, times_before_zero_count_as_zero)
{
    bucket_ring ring(10s, 10U);
    ring.add(true, false, time_point::min());
    ring.add(false, false, time_point(-1s));
    EXPECT_EQ(ring.sum(time_point(-5s)), (tally{2, 1, 0}));
    EXPECT_EQ(ring.sum(time_point(9s)), (tally{2, 1, 0}));
    EXPECT_EQ(ring.sum(time_point(10s)), (tally{0, 0, 0}));
}

TEST(bucket_ring, works_up_to_the_end_of_time)
{
    for (auto const size : {duration(1ns), duration(1us), duration(10s), duration::max()}) {
        for (std::size_t const buckets : {1U, 2U, 10U, 1000U}) {
            bucket_ring ring(size, buckets);
            ring.add(true, false, time_point(0s));
            ring.add(false, false, time_point::max());
            ring.add(false, true, time_point::max());
            auto const seen = ring.sum(time_point::max());
            EXPECT_GE(seen.total, 2U) << size.count() << "ns in " << buckets;
            EXPECT_EQ(seen.slow, 1U);
        }
    }
}

TEST(bucket_ring, equals_a_list_of_all_outcomes)
{
    tests::dice dice(9);
    for (std::int64_t const buckets : {1, 2, 3, 10, 64}) {
        auto const size = duration(buckets * 100);
        bucket_ring ring(size, static_cast<std::size_t>(buckets));
        all_outcomes naive;
        auto now = duration(0);
        for (int i = 0; i < 3000; ++i) {
            now += dice.one_in(50) ? dice.between(0ns, 3 * size) : dice.between(0ns, size / 20);
            if (dice.one_in(500)) {
                ring.clear();
                naive.clear();
            }
            if (dice.one_in(2)) {
                auto const failed = dice.one_in(2);
                auto const slow = dice.one_in(3);
                ring.add(failed, slow, time_point(now));
                naive.add(failed, slow, now);
            }
            ASSERT_EQ(ring.sum(time_point(now)), naive.recent(now, size, buckets))
                << buckets << " buckets, step " << i;
        }
    }
}

} // namespace
