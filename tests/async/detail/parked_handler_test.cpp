#include <keel/async/detail/parked_handler.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace {

using keel::detail::parked_handler;

static_assert(!std::is_copy_constructible_v<parked_handler>);
static_assert(!std::is_move_constructible_v<parked_handler>, "what is parked is called where it was parked");

/// Counts how many of its kind are alive, and notes how many there were when it was called.
class counted
{
public:
    struct tally
    {
        int alive = 0;
        int calls = 0;
        int alive_when_called = 0;
        void const* latest = nullptr; ///< Where the one that was moved last has gone.
        void const* called = nullptr;
    };

    explicit counted(tally& t) : tally_(&t) { appear(); }
    counted(counted&& other) noexcept : tally_(other.tally_) { appear(); }
    counted& operator=(counted&&) = delete;
    ~counted() { --tally_->alive; }

    void operator()() &&
    {
        ++tally_->calls;
        tally_->alive_when_called = tally_->alive;
        tally_->called = this;
    }

private:
    void appear()
    {
        ++tally_->alive;
        tally_->latest = this;
    }

    tally* tally_;
};

TEST(parked_handler, holds_nothing_at_first)
{
    parked_handler const empty{};
    EXPECT_FALSE(empty);
}

TEST(parked_handler, calls_what_it_holds_once_and_is_empty_then)
{
    counted::tally seen;
    parked_handler parked;
    parked.park(counted(seen));
    EXPECT_TRUE(parked);
    EXPECT_EQ(seen.alive, 1);
    parked.call();
    EXPECT_EQ(seen.calls, 1);
    EXPECT_EQ(seen.alive, 0);
    EXPECT_FALSE(parked);
}

TEST(parked_handler, has_let_go_of_the_stored_handler_when_it_calls)
{
    counted::tally seen;
    parked_handler parked;
    parked.park(counted(seen));
    auto const* const stored = seen.latest;
    parked.call();
    EXPECT_NE(seen.called, stored) << "it was called where it was stored";
    EXPECT_EQ(seen.alive_when_called, 1) << "what was stored is still there";
}

TEST(parked_handler, destroys_a_handler_that_is_not_called)
{
    counted::tally seen;
    {
        parked_handler parked;
        parked.park(counted(seen));
        EXPECT_EQ(seen.alive, 1);
    }
    EXPECT_EQ(seen.alive, 0);
    EXPECT_EQ(seen.calls, 0);
}

TEST(parked_handler, clearing_destroys_what_is_held)
{
    counted::tally seen;
    parked_handler parked;
    parked.park(counted(seen));
    parked.clear();
    EXPECT_FALSE(parked);
    EXPECT_EQ(seen.alive, 0);
    parked.clear(); // and nothing when it is empty
    EXPECT_EQ(seen.calls, 0);
}

TEST(parked_handler, may_be_filled_again_by_its_own_handler)
{
    counted::tally second;
    parked_handler parked;
    parked.park([&] { parked.park(counted(second)); });
    parked.call();
    EXPECT_TRUE(parked);
    parked.call();
    EXPECT_EQ(second.calls, 1);
}

TEST(parked_handler, may_be_ended_by_its_own_handler)
{
    auto parked = std::make_unique<parked_handler>();
    auto* const it = parked.get();
    auto called = false;
    it->park([&, kept = std::make_shared<int>(1)] {
        parked.reset();
        called = *kept == 1;
    });
    it->call();
    EXPECT_TRUE(called);
}

/// Too large to live in a parked_handler, as are the lambdas above that capture more than two pointers.
struct bulky
{
    std::array<std::uint64_t, 8> payload{};
    std::unique_ptr<int> owned = std::make_unique<int>(42);
    int* got;

    void operator()() { *got = *owned; }
};

TEST(parked_handler, takes_a_handler_of_any_size_that_can_only_be_moved)
{
    auto got = 0;
    parked_handler parked;
    parked.park(bulky{.got = &got});
    parked.call();
    EXPECT_EQ(got, 42);
}

TEST(parked_handler, is_empty_and_leaks_nothing_when_the_handler_throws)
{
    auto kept = std::make_shared<int>(1);
    parked_handler parked;
    parked.park([kept] { throw std::runtime_error("no"); });
    EXPECT_EQ(kept.use_count(), 2);
    EXPECT_THROW(parked.call(), std::runtime_error);
    EXPECT_FALSE(parked);
    EXPECT_EQ(kept.use_count(), 1);
}

} // namespace
