#include <keel/async/detail/parked_handler.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace {

using keel::detail::parked_handler;

static_assert(!std::is_copy_constructible_v<parked_handler>);
static_assert(std::is_nothrow_move_constructible_v<parked_handler>);
static_assert(std::is_nothrow_move_assignable_v<parked_handler>);

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
    parked_handler const empty;
    EXPECT_FALSE(empty);
}

TEST(parked_handler, calls_what_it_holds_once_and_is_empty_then)
{
    counted::tally seen;
    parked_handler parked{counted(seen)};
    EXPECT_TRUE(parked);
    EXPECT_EQ(seen.alive, 1);
    std::move(parked)();
    EXPECT_EQ(seen.calls, 1);
    EXPECT_EQ(seen.alive, 0);
    EXPECT_FALSE(parked); // NOLINT(bugprone-use-after-move): being empty then is its contract
}

TEST(parked_handler, has_let_go_of_the_stored_handler_when_it_calls)
{
    counted::tally seen;
    parked_handler parked{counted(seen)};
    auto const* const stored = seen.latest;
    std::move(parked)();
    EXPECT_NE(seen.called, stored) << "it was called where it was stored";
    EXPECT_EQ(seen.alive_when_called, 1) << "what was stored is still there";
}

TEST(parked_handler, destroys_a_handler_that_is_not_called)
{
    counted::tally seen;
    {
        parked_handler const parked{counted(seen)};
        EXPECT_EQ(seen.alive, 1);
    }
    EXPECT_EQ(seen.alive, 0);
    EXPECT_EQ(seen.calls, 0);
}

TEST(parked_handler, moves_without_touching_the_handler)
{
    counted::tally seen;
    parked_handler from{counted(seen)};
    parked_handler to(std::move(from));
    EXPECT_FALSE(from); // NOLINT(bugprone-use-after-move)
    EXPECT_TRUE(to);
    EXPECT_EQ(seen.alive, 1);
    std::move(to)();
    EXPECT_EQ(seen.calls, 1);
}

TEST(parked_handler, assigning_destroys_what_was_held_before)
{
    counted::tally old_one;
    counted::tally new_one;
    parked_handler parked{counted(old_one)};
    parked = parked_handler{counted(new_one)};
    EXPECT_EQ(old_one.alive, 0);
    EXPECT_EQ(old_one.calls, 0);
    std::move(parked)();
    EXPECT_EQ(new_one.calls, 1);
}

TEST(parked_handler, assigning_from_an_empty_one_empties_it)
{
    counted::tally seen;
    parked_handler parked{counted(seen)};
    parked = parked_handler();
    EXPECT_FALSE(parked);
    EXPECT_EQ(seen.alive, 0);
}

TEST(parked_handler, may_be_filled_again_by_its_own_handler)
{
    counted::tally second;
    parked_handler parked;
    parked = parked_handler([&] { parked = parked_handler{counted(second)}; });
    std::move(parked)();
    EXPECT_TRUE(parked); // NOLINT(bugprone-use-after-move)
    std::move(parked)();
    EXPECT_EQ(second.calls, 1);
}

TEST(parked_handler, takes_a_handler_that_can_only_be_moved)
{
    auto owned = std::make_unique<int>(42);
    auto got = 0;
    parked_handler parked([&got, owned = std::move(owned)] { got = *owned; });
    std::move(parked)();
    EXPECT_EQ(got, 42);
}

TEST(parked_handler, is_empty_and_leaks_nothing_when_the_handler_throws)
{
    auto kept = std::make_shared<int>(1);
    parked_handler parked([kept] { throw std::runtime_error("no"); });
    EXPECT_EQ(kept.use_count(), 2);
    EXPECT_THROW(std::move(parked)(), std::runtime_error);
    EXPECT_FALSE(parked); // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(kept.use_count(), 1);
}

} // namespace
