#include <keel/limited_executor.hpp>

#include <keel/bulkhead.hpp>
#include <keel/pipeline.hpp>
#include <keel/timeout.hpp>

#include <gtest/gtest.h>

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/system_executor.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;

using io_executor = asio::io_context::executor_type;
using limited_io = limited_executor<io_executor>;
using limited_pool = limited_executor<asio::thread_pool::executor_type>;

// What Asio asks of an executor

template <class Executor>
constexpr bool is_complete =
    asio::execution::is_executor<Executor>::value && std::is_nothrow_copy_constructible_v<Executor> &&
    std::is_nothrow_move_constructible_v<Executor> &&
    std::is_convertible_v<Executor, asio::any_io_executor> &&
    std::is_constructible_v<asio::any_completion_executor, Executor> &&
    asio::can_require<Executor, asio::execution::blocking_t::never_t>::value &&
    !asio::can_require<Executor, asio::execution::blocking_t::always_t>::value &&
    !asio::can_prefer<Executor, asio::execution::blocking_t::always_t>::value &&
    asio::can_query<Executor, asio::execution::context_as_t<asio::execution_context&>>::value;

static_assert(is_complete<limited_io>);
static_assert(is_complete<limited_pool>);
static_assert(is_complete<limited_executor<asio::any_io_executor>>);
static_assert(is_complete<limited_executor<asio::strand<io_executor>>>);
static_assert(is_complete<limited_executor<limited_io>>);
static_assert(is_complete<asio::strand<limited_io>>);
static_assert(asio::can_require<limited_io, asio::execution::outstanding_work_t::tracked_t>::value);
static_assert(asio::can_prefer<limited_io, asio::execution::relationship_t::continuation_t>::value);
static_assert(!limitable_executor<int>);

limited_executor_options sized(std::size_t max_running, std::size_t max_queue = 10'000)
{
    limited_executor_options o;
    o.max_running = max_running;
    o.max_queue = max_queue;
    return o;
}

void run_on_threads(asio::io_context& context, int count)
{
    std::vector<std::thread> threads;
    for (auto i = 0; i < count; ++i) threads.emplace_back([&] { context.run(); });
    for (auto& t : threads) t.join();
}

/// Counts who is inside at once.
class gauge
{
public:
    void enter()
    {
        auto const running = ++now_;
        for (auto most = most_.load(); running > most && !most_.compare_exchange_weak(most, running);) {}
        ++total_;
    }
    void leave() { --now_; }

    int most() const { return most_; }
    int total() const { return total_; }

private:
    std::atomic<int> now_{0};
    std::atomic<int> most_{0};
    std::atomic<int> total_{0};
};

/// A lane of `executor`, which has one, that is taken until `let_go`.
class occupied_lane
{
public:
    template <class Executor>
    explicit occupied_lane(Executor const& executor)
    {
        asio::post(executor, [this] {
            taken_.count_down();
            free_.wait();
        });
        taken_.wait();
    }
    void let_go() { free_.count_down(); }

private:
    std::latch taken_{1};
    std::latch free_{1};
};

// Options and handles

TEST(limited_executor, has_the_documented_defaults)
{
    limited_executor_options const o;
    EXPECT_EQ(o.name, "limited_executor");
    EXPECT_EQ(o.max_running, 1U);
    EXPECT_EQ(o.max_queue, 10'000U);
    EXPECT_TRUE(validate(o).empty());
}

TEST(limited_executor, refuses_to_be_built_without_lanes)
{
    asio::io_context context;
    try {
        limited_executor const e{context, {.max_running = 0}};
        FAIL();
    } catch (invalid_options const& fault) {
        EXPECT_STREQ(fault.what(), "limited_executor: max_running is 0, allowed is at least 1");
    }
}

TEST(limited_executor, is_made_of_a_context_or_an_executor)
{
    asio::io_context context;
    asio::thread_pool pool(1);
    limited_executor of_context{context, {.name = "files", .max_running = 2, .max_queue = 5}};
    limited_executor of_executor{context.get_executor()};
    limited_executor of_pool{pool};
    limited_executor copy{of_context};
    static_assert(std::is_same_v<decltype(of_context), limited_io>);
    static_assert(std::is_same_v<decltype(of_executor), limited_io>);
    static_assert(std::is_same_v<decltype(of_pool), limited_pool>);
    static_assert(std::is_same_v<decltype(copy), limited_io>);

    EXPECT_EQ(copy.name(), "files");
    EXPECT_EQ(copy.snapshot().max_running, 2U);
    EXPECT_EQ(copy.snapshot().max_queue, 5U);
    EXPECT_EQ(of_executor.snapshot().max_running, 1U);
    EXPECT_EQ(of_context.get_inner_executor(), context.get_executor());
}

TEST(limited_executor, copies_and_what_properties_make_of_them_are_equal)
{
    asio::io_context context;
    limited_io const e{context};
    limited_io const other{context};
    auto const copy = e;
    EXPECT_EQ(e, copy);
    EXPECT_NE(e, other);
    EXPECT_EQ(e, (asio::require(asio::require(e, asio::execution::blocking.never),
                                asio::execution::blocking.possibly)));
    EXPECT_EQ(asio::any_io_executor(e), asio::any_io_executor(copy));
    EXPECT_NE(asio::any_io_executor(e), asio::any_io_executor(other));
}

// Properties

TEST(limited_executor, forwards_properties_to_the_inner_executor)
{
    asio::io_context context;
    limited_io const e{context};
    EXPECT_EQ(&asio::query(e, asio::execution::context), &context);
    EXPECT_EQ(asio::query(e, asio::execution::blocking), asio::execution::blocking.possibly);
    auto const later = asio::require(e, asio::execution::blocking.never);
    EXPECT_EQ(asio::query(later, asio::execution::blocking), asio::execution::blocking.never);
    auto const next = asio::prefer(e, asio::execution::relationship.continuation);
    EXPECT_EQ(asio::query(next, asio::execution::relationship), asio::execution::relationship.continuation);
}

TEST(limited_executor, does_not_promise_what_a_queue_cannot_keep)
{
    asio::thread_pool pool(1);
    auto const blocks = asio::require(pool.get_executor(), asio::execution::blocking.always);
    limited_executor const e{blocks};
    EXPECT_EQ(asio::query(e, asio::execution::blocking), asio::execution::blocking.possibly);
    auto ran = false;
    e.execute([&] { ran = true; }); // there is a free lane, and the pool blocks
    EXPECT_TRUE(ran);
}

TEST(limited_executor, keeps_its_context_running_while_work_is_outstanding)
{
    asio::io_context context;
    limited_io const e{context};
    std::optional work{asio::require(e, asio::execution::outstanding_work.tracked)};
    context.poll();
    EXPECT_FALSE(context.stopped());
    work.reset();
    context.poll();
    EXPECT_TRUE(context.stopped());
}

// One lane: a strand

TEST(limited_executor_of_one, runs_functions_in_order_and_one_at_a_time_on_four_threads)
{
    asio::io_context context;
    limited_io const e{context};
    gauge inside;
    std::vector<int> order; // a race here is what the thread sanitizer would see
    for (auto i = 0; i < 2000; ++i)
        asio::post(e, [&, i] {
            inside.enter();
            order.push_back(i);
            inside.leave();
        });
    run_on_threads(context, 4);
    ASSERT_EQ(order.size(), 2000U);
    for (auto i = 0; i < 2000; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
    EXPECT_EQ(inside.most(), 1);
}

TEST(limited_executor_of_one, keeps_the_order_of_each_of_four_submitters)
{
    asio::thread_pool pool(4);
    limited_pool const e{pool};
    std::array<std::vector<int>, 4> order;
    std::vector<std::thread> submitters;
    for (std::size_t who = 0; who < 4; ++who)
        submitters.emplace_back([&, who] {
            for (auto i = 0; i < 500; ++i) asio::post(e, [&, who, i] { order[who].push_back(i); });
        });
    for (auto& s : submitters) s.join();
    pool.join();
    for (auto const& of_one : order) {
        ASSERT_EQ(of_one.size(), 500U);
        for (auto i = 0; i < 500; ++i) EXPECT_EQ(of_one[static_cast<std::size_t>(i)], i);
    }
}

TEST(limited_executor_of_one, keeps_the_order_of_post_defer_and_dispatch)
{
    asio::io_context context;
    limited_io const e{context};
    std::string order;
    asio::post(e, [&] {
        asio::post(e, [&] { order += 'p'; });
        asio::defer(e, [&] { order += 'd'; });
        asio::post(e, [&] { order += 'q'; });
        asio::dispatch(e, [&] { order += 'i'; }); // inline
        order += '.';
    });
    context.run();
    EXPECT_EQ(order, "i.pdq");
}

TEST(limited_executor, lets_others_have_their_turn_after_each_function)
{
    asio::io_context context;
    limited_io const e{context};
    std::string order;
    for (auto i = 0; i < 3; ++i) asio::post(e, [&] { order += 'l'; });
    for (auto i = 0; i < 2; ++i) asio::post(context, [&] { order += '-'; });
    context.run_one();
    context.run_one();
    EXPECT_EQ(order, "l-");
    context.run();
    EXPECT_EQ(order.size(), 5U);
    EXPECT_NE(order, "l-ll-") << "no two in a row while somebody else waits";
}

// Several lanes

TEST(limited_executor, runs_as_many_functions_at_once_as_it_may_and_no_more)
{
    asio::thread_pool pool(5);
    limited_executor const e{pool, {.max_running = 3}};
    std::latch all_inside(3);
    std::latch may_leave(1);
    std::atomic<bool> fourth{false};
    std::latch done(1);
    for (auto i = 0; i < 3; ++i)
        asio::post(e, [&] {
            all_inside.arrive_and_wait(); // hangs unless three run at once
            may_leave.wait();
        });
    all_inside.wait();
    asio::post(e, [&] {
        fourth = true;
        done.count_down();
    });
    std::latch others_run(
        2); // both threads that are left are free: the fourth function could run, if it might
    for (auto i = 0; i < 2; ++i) asio::post(pool, [&] { others_run.arrive_and_wait(); });
    others_run.wait();
    EXPECT_FALSE(fourth);
    EXPECT_EQ(e.snapshot().running, 3U);
    EXPECT_EQ(e.snapshot().queued, 1U);
    may_leave.count_down();
    done.wait();
    pool.join();
    EXPECT_EQ(e.snapshot().running, 0U);
    EXPECT_EQ(e.snapshot().queued, 0U);
}

TEST(limited_executor, several_on_one_context_do_not_count_each_other)
{
    asio::thread_pool pool(4);
    limited_pool const one{pool};
    limited_pool const two{pool};
    std::latch both_inside(2);
    asio::post(one, [&] { both_inside.arrive_and_wait(); });
    asio::post(two, [&] { both_inside.arrive_and_wait(); });
    both_inside.wait();
    pool.join();
}

TEST(limited_executor, counts_what_runs_and_what_waits)
{
    asio::io_context context;
    limited_executor const e{context, {.max_running = 2, .max_queue = 7}};
    for (auto i = 0; i < 5; ++i) asio::post(e, [] {});
    EXPECT_EQ(e.snapshot().running, 2U);
    EXPECT_EQ(e.snapshot().queued, 3U);
    EXPECT_EQ(e.snapshot().max_running, 2U);
    EXPECT_EQ(e.snapshot().max_queue, 7U);
    context.run();
    EXPECT_EQ(e.snapshot().running, 0U);
    EXPECT_EQ(e.snapshot().queued, 0U);
}

// Inside

TEST(limited_executor, knows_whether_it_runs_on_this_thread)
{
    asio::thread_pool pool(2);
    limited_pool const e{pool};
    limited_pool const other{pool};
    EXPECT_FALSE(e.running_in_this_thread());
    std::latch inside(1);
    std::latch asked(1);
    asio::post(e, [&] {
        EXPECT_TRUE(e.running_in_this_thread());
        EXPECT_FALSE(other.running_in_this_thread());
        asio::dispatch(other, [&] { // its lane is free, so this runs inside
            EXPECT_TRUE(e.running_in_this_thread());
            EXPECT_TRUE(other.running_in_this_thread());
        });
        EXPECT_FALSE(other.running_in_this_thread());
        inside.count_down();
        asked.wait();
    });
    inside.wait();
    EXPECT_FALSE(e.running_in_this_thread());
    auto on_another_thread = std::promise<bool>();
    asio::post(pool, [&] { on_another_thread.set_value(e.running_in_this_thread()); });
    EXPECT_FALSE(on_another_thread.get_future().get());
    asked.count_down();
    pool.join();
}

TEST(limited_executor, dispatches_inline_from_inside_unless_it_must_never_block)
{
    asio::io_context context;
    limited_io const e{context};
    auto const later = asio::require(e, asio::execution::blocking.never);
    std::string order;
    asio::post(e, [&] {
        asio::dispatch(later, [&] { order += 'n'; });
        asio::dispatch(e, [&] { order += 'i'; });
        asio::dispatch(asio::any_io_executor(e), [&] { order += 'a'; });
        asio::dispatch(context, [&] { asio::dispatch(e, [&] { order += 'c'; }); });
        order += '.';
    });
    context.run();
    EXPECT_EQ(order, "iac.n");
}

TEST(limited_executor, dispatch_from_outside_waits_for_a_lane)
{
    asio::thread_pool pool(2);
    limited_pool const e{pool};
    occupied_lane lane(e);
    std::atomic<bool> ran{false};
    std::latch dispatched(1);
    asio::post(pool, [&] {
        asio::dispatch(e, [&] { ran = true; });
        EXPECT_FALSE(ran);
        dispatched.count_down();
    });
    dispatched.wait();
    lane.let_go();
    pool.join();
    EXPECT_TRUE(ran);
}

TEST(limited_executor, takes_functions_that_can_only_be_moved)
{
    asio::io_context context;
    limited_io const e{context};
    auto sum = 0;
    for (auto i = 1; i <= 3; ++i) asio::post(e, [&sum, owned = std::make_unique<int>(i)] { sum += *owned; });
    EXPECT_FALSE(e.try_post([&sum, owned = std::make_unique<int>(4)] { sum += *owned; }));
    context.run();
    EXPECT_EQ(sum, 10);
}

// Functions that throw

TEST(limited_executor, an_exception_leaves_run_and_the_lane_goes_on)
{
    asio::io_context context;
    limited_io const e{context};
    auto after = 0;
    asio::post(e, [] { throw std::runtime_error("first"); });
    asio::post(e, [&] { ++after; });
    asio::post(e, [] { throw std::runtime_error("third"); });
    EXPECT_THROW(context.run(), std::runtime_error);
    EXPECT_FALSE(e.running_in_this_thread());
    EXPECT_EQ(after, 0);
    EXPECT_THROW(context.run(), std::runtime_error);
    EXPECT_EQ(after, 1);
    context.run();
    EXPECT_EQ(e.snapshot().running, 0U);
    asio::post(e, [&] { ++after; });
    context.restart();
    context.run();
    EXPECT_EQ(after, 2);
}

TEST(limited_executor, an_exception_of_a_function_dispatched_inside_reaches_its_caller)
{
    asio::io_context context;
    limited_io const e{context};
    auto caught = 0;
    asio::post(e, [&] {
        try {
            asio::dispatch(e, [] { throw std::runtime_error("inside"); });
        } catch (std::runtime_error const&) {
            ++caught;
        }
        EXPECT_TRUE(e.running_in_this_thread());
    });
    context.run();
    EXPECT_EQ(caught, 1);
}

TEST(limited_executor, an_exception_passes_an_inner_executor_that_runs_inline)
{
    asio::io_context context;
    auto const strand = asio::make_strand(context);
    limited_executor const e{strand};
    auto caught = 0;
    auto after = 0;
    asio::post(strand, [&] {
        try {
            asio::dispatch(e, [&] {
                asio::post(e, [&] { ++after; });
                throw std::runtime_error("inside");
            });
        } catch (std::runtime_error const&) {
            ++caught;
        }
    });
    context.run();
    EXPECT_EQ(caught, 1);
    EXPECT_EQ(after, 1);
}

// The bounded queue

TEST(limited_executor, try_post_refuses_when_the_queue_is_full)
{
    asio::io_context context;
    limited_executor const e{context, {.max_running = 2, .max_queue = 3}};
    auto ran = 0;
    auto const work = [&] { ++ran; };
    for (auto i = 0; i < 5; ++i) EXPECT_FALSE(e.try_post(work)) << i;
    auto const full = e.try_post(work);
    EXPECT_EQ(full, errc::queue_full);
    EXPECT_TRUE(full == condition::rejected);
    EXPECT_TRUE(full == condition::transient);
    EXPECT_EQ(e.snapshot().queued, 3U);

    context.run_one();
    EXPECT_FALSE(e.try_post(work));
    EXPECT_EQ(e.try_post(work), errc::queue_full);
    context.run();
    EXPECT_EQ(ran, 6);
}

TEST(limited_executor, try_post_without_a_queue_takes_what_can_run_at_once)
{
    asio::io_context context;
    limited_executor const e{context, {.max_queue = 0}};
    auto ran = 0;
    EXPECT_FALSE(e.try_post([&] { ++ran; }));
    EXPECT_EQ(e.try_post([&] { ++ran; }), errc::queue_full);
    context.run();
    EXPECT_FALSE(e.try_post([&] { ++ran; }));
    context.restart();
    context.run();
    EXPECT_EQ(ran, 2);
}

TEST(limited_executor, a_queue_without_a_limit_takes_all)
{
    asio::io_context context;
    limited_executor const e{context, {.max_running = std::size_t(-1), .max_queue = std::size_t(-1)}};
    auto ran = 0;
    for (auto i = 0; i < 100; ++i) EXPECT_FALSE(e.try_post([&] { ++ran; }));
    EXPECT_EQ(e.snapshot().running, 100U);
    context.run();
    EXPECT_EQ(ran, 100);
}

/// A function that knows whether it has been moved from.
struct owner
{
    std::shared_ptr<int> held = std::make_shared<int>(1);
    void operator()() const {}
};

TEST(limited_executor, a_refused_function_stays_with_its_owner)
{
    asio::io_context context;
    limited_executor const e{context, {.max_queue = 0}};
    owner first;
    owner second;
    EXPECT_FALSE(e.try_post(std::move(first)));
    EXPECT_TRUE(e.try_post(std::move(second)).failed());
    EXPECT_FALSE(first.held); // NOLINT(bugprone-use-after-move): that is the question
    EXPECT_TRUE(second.held); // NOLINT(bugprone-use-after-move)
}

TEST(limited_executor, try_post_never_runs_the_function_inside_the_call)
{
    asio::io_context context;
    limited_io const e{context};
    std::string order;
    asio::post(e, [&] {
        EXPECT_FALSE(e.try_post([&] { order += 't'; }));
        order += '.';
    });
    context.run();
    EXPECT_EQ(order, ".t");
}

/// Throws when it is moved for the `moves_left`th time.
struct fragile_function
{
    explicit fragile_function(int moves) : moves_left(moves) {}
    fragile_function(fragile_function&& other) : moves_left(other.moves_left - 1)
    {
        if (moves_left == 0) throw std::runtime_error("move");
    }
    void operator()() const {}
    int moves_left;
};

TEST(limited_executor, a_function_that_cannot_be_moved_gives_its_place_back)
{
    asio::io_context context;
    limited_executor const e{context, {.max_queue = 0}};
    EXPECT_THROW((void)e.try_post(fragile_function(1)), std::runtime_error);
    EXPECT_EQ(e.snapshot().running, 0U);
    EXPECT_FALSE(e.try_post([] {})) << "the place is free again";

    limited_io const other{context};
    EXPECT_FALSE(other.try_post(fragile_function(2))); // cannot be moved out of the queue
    EXPECT_FALSE(other.try_post([] {}));
    EXPECT_THROW(context.run(), std::runtime_error);
    context.run();
    EXPECT_EQ(other.snapshot().running, 0U);
}

TEST(limited_executor, the_bound_holds_for_four_threads_that_submit_at_once)
{
    asio::thread_pool pool(2);
    limited_executor const e{pool, {.max_running = 2, .max_queue = 8}};
    std::atomic<int> taken{0};
    std::atomic<int> refused{0};
    std::atomic<int> ran{0};
    std::vector<std::thread> submitters;
    std::latch ready(4);
    for (auto who = 0; who < 4; ++who)
        submitters.emplace_back([&] {
            ready.arrive_and_wait();
            for (auto i = 0; i < 2000; ++i) {
                auto const no = e.try_post([&] { ++ran; });
                no.failed() ? ++refused : ++taken;
                EXPECT_LE(e.snapshot().queued, 8U);
                EXPECT_LE(e.snapshot().running, 2U);
            }
        });
    for (auto& s : submitters) s.join();
    pool.join();
    EXPECT_EQ(taken + refused, 4 * 2000);
    EXPECT_EQ(ran, taken);
    EXPECT_EQ(e.snapshot().queued, 0U);
}

// What was accepted always gets a place, however full the queue is

/// Keeps the queue of `e` full for `rounds` functions.
struct filler
{
    limited_io e;
    std::shared_ptr<int> rounds;

    void operator()() const
    {
        if (--*rounds < 0) return;
        while (!e.try_post(*this).failed()) {}
    }
};

limited_io always_full(asio::io_context& context, int rounds)
{
    limited_io e{context, sized(1, 2)};
    filler{e, std::make_shared<int>(rounds)}();
    EXPECT_EQ(e.try_post([] {}), errc::queue_full);
    return e;
}

TEST(limited_executor_with_a_full_queue, takes_what_post_defer_and_dispatch_bring)
{
    asio::io_context context;
    auto const e = always_full(context, 100);
    auto ran = 0;
    asio::post(e, [&] { ++ran; });
    asio::defer(e, [&] { ++ran; });
    asio::dispatch(e, [&] { ++ran; });
    EXPECT_EQ(e.snapshot().queued, 5U) << "beyond the limit of 2";
    context.run();
    EXPECT_EQ(ran, 3);
}

TEST(limited_executor_with_a_full_queue, loses_no_completion_of_a_timer)
{
    asio::io_context context;
    auto const e = always_full(context, 200);
    auto expired = 0;
    auto cancelled = 0;
    std::size_t most_queued = 0;
    std::vector<asio::steady_timer> timers;
    for (auto i = 0; i < 20; ++i) {
        auto& t = timers.emplace_back(e, i % 2 ? asio::steady_timer::time_point::min()
                                               : asio::steady_timer::time_point::max());
        t.async_wait([&](error_code error) {
            ++(error ? cancelled : expired);
            most_queued = std::max(most_queued, e.snapshot().queued);
            EXPECT_TRUE(e.running_in_this_thread());
        });
    }
    asio::post(context, [&] {
        for (auto i = 0; i < 20; i += 2) timers[static_cast<std::size_t>(i)].cancel();
    });
    context.run();
    EXPECT_EQ(expired, 10);
    EXPECT_EQ(cancelled, 10);
    EXPECT_GT(most_queued, 2U);
}

asio::awaitable<void> hop(int times, int& done)
{
    auto const executor = co_await asio::this_coro::executor;
    for (auto i = 0; i < times; ++i) co_await asio::post(executor, asio::deferred);
    for (auto i = 0; i < times; ++i) co_await asio::post(executor, asio::use_awaitable);
    ++done;
}

TEST(limited_executor_with_a_full_queue, loses_no_coroutine)
{
    asio::io_context context;
    auto const e = always_full(context, 500);
    auto done = 0;
    auto ended = 0;
    for (auto i = 0; i < 10; ++i)
        asio::co_spawn(e, hop(5, done), [&](std::exception_ptr thrown) { ended += thrown == nullptr; });
    context.run();
    EXPECT_EQ(done, 10);
    EXPECT_EQ(ended, 10);
}

asio::awaitable<int> one_more(std::shared_ptr<int> n)
{
    auto const executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::deferred);
    co_return ++*n;
}

asio::awaitable<void> call(keel::pipeline p, std::shared_ptr<int> n, int& ok)
{
    auto const end = co_await p.run(one_more, n);
    ok += end.ok();
}

TEST(limited_executor_with_a_full_queue, loses_no_call_that_waits_for_its_turn)
{
    asio::io_context context;
    auto const e = always_full(context, 500);
    keel::pipeline const p{timeout{{.limit = 1min}}, bulkhead{{.max_concurrent = 1, .max_queue = 20}}};
    auto const n = std::make_shared<int>(0);
    auto ok = 0;
    for (auto i = 0; i < 20; ++i)
        asio::co_spawn(asio::make_strand(e), call(p, n, ok), [](std::exception_ptr thrown) {
            if (thrown) std::rethrow_exception(thrown);
        });
    context.run();
    EXPECT_EQ(ok, 20);
    EXPECT_EQ(*n, 20);
}

// Sockets

using asio::ip::tcp;

template <class Socket>
asio::awaitable<void> echo(Socket socket)
{
    std::array<char, 4> data{};
    for (;;) {
        auto const [error, n] =
            co_await asio::async_read(socket, asio::buffer(data), asio::as_tuple(asio::deferred));
        if (error) co_return;
        co_await asio::async_write(socket, asio::buffer(data, n), asio::deferred);
    }
}

template <class Executor>
asio::awaitable<void> serve(Executor e, tcp::acceptor& acceptor, int clients)
{
    for (auto i = 0; i < clients; ++i) {
        auto socket = co_await acceptor.async_accept(asio::deferred);
        asio::co_spawn(e, echo(std::move(socket)), asio::detached); // an error ends the client's wait, too
    }
}

template <class Socket, class Executor>
asio::awaitable<void> talk(Executor e, tcp::endpoint to, std::atomic<int>& answers)
{
    Socket socket(e);
    co_await socket.async_connect(to, asio::deferred);
    std::array<char, 4> data{};
    for (auto i = 0; i < 20; ++i) {
        co_await asio::async_write(socket, asio::buffer("ping", 4), asio::deferred);
        co_await asio::async_read(socket, asio::buffer(data), asio::deferred);
        answers += std::string(data.data(), 4) == "ping";
    }
}

struct lanes_and_threads
{
    std::size_t lanes;
    int threads;
};

class limited_executor_on_sockets : public ::testing::TestWithParam<lanes_and_threads>
{};

/// Each coroutine is one chain of handlers, so the coroutines need no strand.
template <class Socket>
void clients_and_server(lanes_and_threads const with)
{
    asio::io_context context(with.threads);
    limited_io const e{context, sized(with.lanes, 0)};
    std::atomic<int> answers{0};
    std::atomic<int> failed{0};
    auto const ended = [&](std::exception_ptr thrown) { failed += thrown != nullptr; };
    tcp::acceptor acceptor(asio::any_io_executor(e), tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    asio::co_spawn(e, serve(asio::any_io_executor(e), acceptor, 5), ended);
    for (auto i = 0; i < 5; ++i)
        asio::co_spawn(e, talk<Socket>(e, acceptor.local_endpoint(), answers), ended);
    run_on_threads(context, with.threads);
    EXPECT_EQ(answers, 5 * 20);
    EXPECT_EQ(failed, 0);
    EXPECT_EQ(e.snapshot().running, 0U);
}

TEST_P(limited_executor_on_sockets, carries_whole_conversations)
{
    clients_and_server<tcp::socket>(GetParam());
    clients_and_server<asio::basic_stream_socket<tcp, limited_io>>(GetParam());
}

INSTANTIATE_TEST_SUITE_P(lanes_and_threads, limited_executor_on_sockets,
                         ::testing::Values(lanes_and_threads{1, 1}, lanes_and_threads{1, 4},
                                           lanes_and_threads{2, 1}, lanes_and_threads{2, 4}),
                         [](auto const& of) {
                             return std::to_string(of.param.lanes) + "_lanes_on_" +
                                    std::to_string(of.param.threads) + "_threads";
                         });

// Strands

TEST(strand_of_a_limited_executor, keeps_one_call_apart_where_the_lanes_do_not)
{
    asio::thread_pool pool(4);
    limited_executor const e{pool, {.max_running = 2}};
    auto const one = asio::make_strand(e);
    auto const two = asio::make_strand(e);
    std::latch both_inside(2);
    gauge inside_one;
    asio::post(one, [&] { both_inside.arrive_and_wait(); }); // two strands use both lanes
    asio::post(two, [&] { both_inside.arrive_and_wait(); });
    both_inside.wait();
    auto unguarded = 0;
    for (auto i = 0; i < 500; ++i)
        asio::post(one, [&] {
            inside_one.enter();
            ++unguarded;
            EXPECT_TRUE(e.running_in_this_thread());
            inside_one.leave();
        });
    pool.join();
    EXPECT_EQ(unguarded, 500);
    EXPECT_EQ(inside_one.most(), 1);
}

TEST(limited_executor_of_a_strand, is_as_narrow_as_the_strand)
{
    asio::io_context context;
    limited_executor const e{asio::make_strand(context), {.max_running = 3}};
    gauge inside;
    auto unguarded = 0;
    for (auto i = 0; i < 500; ++i)
        asio::post(e, [&] {
            inside.enter();
            ++unguarded;
            inside.leave();
        });
    run_on_threads(context, 4);
    EXPECT_EQ(unguarded, 500);
    EXPECT_EQ(inside.most(), 1);
}

TEST(limited_executor_of_a_limited_executor, obeys_both)
{
    asio::io_context context;
    limited_executor const outer{context, {.max_running = 2}};
    limited_executor<limited_io> const narrow{outer, sized(1)};
    limited_executor<limited_io> const wide{outer, sized(4)};
    gauge in_narrow;
    gauge in_all;
    auto unguarded = 0;
    for (auto i = 0; i < 300; ++i) {
        asio::post(narrow, [&] {
            in_all.enter();
            in_narrow.enter();
            ++unguarded;
            in_narrow.leave();
            in_all.leave();
        });
        asio::post(wide, [&] {
            in_all.enter();
            in_all.leave();
        });
    }
    run_on_threads(context, 4);
    EXPECT_EQ(unguarded, 300);
    EXPECT_EQ(in_narrow.most(), 1);
    EXPECT_LE(in_all.most(), 2);
    EXPECT_EQ(in_all.total(), 600);
}

TEST(limited_executor, stands_on_the_system_executor_too)
{
    limited_executor<asio::system_executor> const e{asio::system_executor(), sized(1)};
    std::promise<bool> inside;
    asio::post(e, [&] { inside.set_value(e.running_in_this_thread()); });
    EXPECT_TRUE(inside.get_future().get());
}

// The end of the context

/// Whether the functions that hold a copy are still there.
struct witness
{
    std::shared_ptr<int> held = std::make_shared<int>(1);
    long alive() const { return held.use_count() - 1; }
};

TEST(limited_executor_at_the_end_of_its_context, functions_that_did_not_begin_are_destroyed)
{
    witness functions;
    {
        asio::io_context context;
        limited_io const one{context};
        limited_io const another{context, sized(2)};
        for (auto i = 0; i < 5; ++i) {
            asio::post(one, [held = functions.held] { FAIL(); });
            asio::post(another, [held = functions.held] { FAIL(); });
        }
        EXPECT_EQ(functions.alive(), 10);
    }
    EXPECT_EQ(functions.alive(), 0);
}

TEST(limited_executor_at_the_end_of_its_context, copies_live_on_and_take_nothing)
{
    witness before;
    owner after;
    std::optional<limited_io> kept;
    std::optional<asio::any_io_executor> kept_any;
    {
        asio::io_context context;
        kept.emplace(context);
        kept_any.emplace(*kept);
        for (auto i = 0; i < 3; ++i) asio::post(*kept, [held = before.held] { FAIL(); });
    }
    EXPECT_EQ(before.alive(), 0);
    asio::post(*kept, [held = before.held] { FAIL(); });
    asio::dispatch(*kept_any, [held = before.held] { FAIL(); });
    EXPECT_EQ(before.alive(), 0);
    EXPECT_EQ(kept->try_post(std::move(after)), asio::error::operation_aborted);
    EXPECT_TRUE(after.held); // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(kept->snapshot().running, 0U);
    EXPECT_EQ(kept->snapshot().queued, 0U);
    EXPECT_FALSE(kept->running_in_this_thread());
}

/// Posts to its executor when it is destroyed without having run.
template <class Executor>
struct last_words
{
    Executor e;
    std::shared_ptr<int> held;
    bool moved = false;

    last_words(Executor of, std::shared_ptr<int> h) : e(std::move(of)), held(std::move(h)) {}
    last_words(last_words&& other) noexcept : e(other.e), held(std::move(other.held)) { other.moved = true; }
    ~last_words()
    {
        if (moved) return;
        asio::post(e, [h = held] { FAIL(); });
        asio::dispatch(e, [h = held] { FAIL(); });
        (void)e.get_inner_executor();
    }
    void operator()() { FAIL(); }
};

template <class Executor>
void post_last_words(Executor const& e, witness const& w, int count)
{
    for (auto i = 0; i < count; ++i) asio::post(e, last_words<Executor>(e, w.held));
}

TEST(limited_executor_at_the_end_of_its_context, destructors_may_submit)
{
    witness w;
    {
        asio::io_context context;
        post_last_words(limited_io{context, sized(2)}, w, 5); // the functions own the only copies
    }
    EXPECT_EQ(w.alive(), 0);
}

TEST(limited_executor_at_the_end_of_its_context, may_be_below_or_above_a_strand_of_any_age)
{
    witness w;
    {
        asio::io_context context;
        auto const old_strand = asio::make_strand(context);
        limited_executor const on_old{old_strand, {.max_running = 2}};
        post_last_words(on_old, w, 5);
        post_last_words(asio::make_strand(on_old), w, 5);
    }
    EXPECT_EQ(w.alive(), 0);
    {
        asio::io_context context;
        limited_io const first{context}; // its service is older than that of the strands
        auto const strand = asio::make_strand(context);
        limited_executor const on_strand{strand};
        post_last_words(on_strand, w, 5);
        post_last_words(asio::make_strand(first), w, 5);
        post_last_words(first, w, 5);
    }
    EXPECT_EQ(w.alive(), 0);
}

TEST(limited_executor_at_the_end_of_its_context, a_thread_pool_finishes_what_runs_and_destroys_the_rest)
{
    witness waiting;
    auto finished = 0;
    {
        asio::thread_pool pool(2);
        limited_pool const e{pool};
        occupied_lane lane(e);
        post_last_words(e, waiting, 3);
        pool.stop();
        lane.let_go();
        pool.join();
        ++finished;
    }
    EXPECT_EQ(finished, 1);
    EXPECT_EQ(waiting.alive(), 0);
}

asio::awaitable<void> wait_for_ever(limited_io e, std::shared_ptr<int>)
{
    asio::steady_timer timer(e, asio::steady_timer::time_point::max());
    co_await timer.async_wait(asio::deferred);
}

TEST(limited_executor_at_the_end_of_its_context, coroutines_that_wait_are_destroyed)
{
    witness w;
    {
        asio::io_context context;
        limited_io const e{context};
        for (auto i = 0; i < 3; ++i) asio::co_spawn(e, wait_for_ever(e, w.held), asio::detached); // no end
        asio::co_spawn(asio::make_strand(e), wait_for_ever(e, w.held), asio::detached);
        context.poll();
        asio::co_spawn(e, wait_for_ever(e, w.held), asio::detached); // not begun
        EXPECT_EQ(w.alive(), 5);
    }
    EXPECT_EQ(w.alive(), 0);
}

TEST(limited_executor_at_the_end_of_its_context, one_made_during_the_end_takes_nothing)
{
    witness w;
    struct maker
    {
        asio::io_context& context;
        std::shared_ptr<int> held;
        bool moved = false;
        maker(asio::io_context& c, std::shared_ptr<int> h) : context(c), held(std::move(h)) {}
        maker(maker&& o) noexcept : context(o.context), held(std::move(o.held)) { o.moved = true; }
        ~maker()
        {
            if (!moved) asio::post(limited_io{context}, [h = held] { FAIL(); });
        }
        void operator()() const {}
    };
    {
        asio::io_context context;
        limited_io const e{context};
        for (auto i = 0; i < 3; ++i) asio::post(e, maker(context, w.held));
    }
    EXPECT_EQ(w.alive(), 0);
}

TEST(limited_executor, calls_no_destructor_under_its_lock)
{
    struct nosy
    {
        limited_io e;
        int& asked;
        bool moved = false;
        nosy(limited_io of, int& n) : e(std::move(of)), asked(n) {}
        nosy(nosy&& o) noexcept : e(o.e), asked(o.asked) { o.moved = true; }
        ~nosy()
        {
            if (!moved) asked += static_cast<int>(e.snapshot().max_running); // would never return
        }
        void operator()() const {}
    };
    auto asked = 0;
    {
        asio::io_context context;
        limited_io const e{context, sized(1, 1)};
        asio::post(e, nosy(e, asked));
        context.run();
        EXPECT_EQ(asked, 1);
        for (auto i = 0; i < 3; ++i) asio::post(e, nosy(e, asked));
    }
    EXPECT_EQ(asked, 4);
}

// Inner executors that fail

/// An executor that can be told to refuse, or to drop, what it is given.
struct moody
{
    enum class mood
    {
        fine,
        throws,
        drops
    };

    io_executor inner;
    std::shared_ptr<mood> now = std::make_shared<mood>(mood::fine);
    /// Happens once, before it throws.
    std::shared_ptr<std::function<void()>> first = std::make_shared<std::function<void()>>();

    asio::io_context& query(asio::execution::context_t) const noexcept
    {
        return asio::query(inner, asio::execution::context);
    }
    static constexpr asio::execution::blocking_t query(asio::execution::blocking_t) noexcept
    {
        return asio::execution::blocking.never;
    }
    moody require(asio::execution::blocking_t::never_t) const { return *this; }
    [[maybe_unused]] friend bool operator==(moody const&, moody const&) noexcept = default;

    template <class F>
    void execute(F&& f) const
    {
        if (auto const what = std::exchange(*first, nullptr)) {
            what();
            throw std::runtime_error("no memory");
        }
        if (*now == mood::throws) throw std::runtime_error("no memory");
        if (*now == mood::drops) {
            auto const dropped = std::decay_t<F>(std::forward<F>(f));
            return;
        }
        asio::require(inner, asio::execution::blocking.never).execute(std::forward<F>(f));
    }
};

using limited_moody = limited_executor<moody>;

TEST(limited_executor_on_one_that_fails, execute_throws_and_takes_nothing)
{
    asio::io_context context;
    moody inner{context.get_executor()};
    limited_moody const e{inner};
    witness w;
    *inner.now = moody::mood::throws;
    EXPECT_THROW(asio::post(e, [held = w.held] {}), std::runtime_error);
    EXPECT_THROW((void)e.try_post([held = w.held] {}), std::runtime_error);
    EXPECT_EQ(w.alive(), 0);
    EXPECT_EQ(e.snapshot().running, 0U);
    EXPECT_EQ(e.snapshot().queued, 0U);
    *inner.now = moody::mood::fine;
    auto ran = 0;
    asio::post(e, [&] { ++ran; });
    context.run();
    EXPECT_EQ(ran, 1);
}

TEST(limited_executor_on_one_that_fails, who_came_meanwhile_gets_the_lane)
{
    asio::io_context context;
    moody const inner{context.get_executor()};
    limited_moody const e{inner, {.max_running = 1, .max_queue = 1}};
    auto ran = 0;
    *inner.first = [&] { EXPECT_FALSE(e.try_post([&] { ++ran; })) << "it is taken"; };

    EXPECT_THROW((void)e.try_post([] { FAIL() << "it was not taken"; }), std::runtime_error);
    context.run();

    EXPECT_EQ(ran, 1);
    EXPECT_EQ(e.snapshot().running, 0U);
    EXPECT_EQ(e.snapshot().queued, 0U);
}

TEST(limited_executor_on_one_that_fails, what_waits_for_a_lane_that_broke_off_waits_for_the_next_submission)
{
    asio::io_context context;
    moody inner{context.get_executor()};
    limited_moody const e{inner};
    std::string order;
    asio::post(e, [&] { *inner.now = moody::mood::throws; });
    for (auto const c : {'a', 'b'}) asio::post(e, [&, c] { order += c; });
    EXPECT_THROW(context.run(), std::runtime_error);
    EXPECT_EQ(e.snapshot().running, 0U);
    EXPECT_EQ(e.snapshot().queued, 2U);
    EXPECT_THROW(asio::post(e, [&] { order += '!'; }), std::runtime_error);
    EXPECT_EQ(e.snapshot().queued, 2U) << "only the new one is withdrawn";
    *inner.now = moody::mood::fine;
    asio::post(e, [&] { order += 'c'; });
    context.restart();
    context.run();
    EXPECT_EQ(order, "abc");
}

TEST(limited_executor_on_one_that_fails, what_it_drops_is_not_lost)
{
    witness w;
    {
        asio::io_context context;
        moody inner{context.get_executor()};
        limited_moody const e{inner};
        std::string order;
        *inner.now = moody::mood::drops;
        for (auto const c : {'a', 'b'}) asio::post(e, [&, c, held = w.held] { order += c; });
        EXPECT_EQ(e.snapshot().queued, 2U);
        *inner.now = moody::mood::fine;
        asio::post(e, [&] { order += 'c'; });
        context.run();
        EXPECT_EQ(order, "abc");
        *inner.now = moody::mood::drops;
        for (auto i = 0; i < 2; ++i) asio::post(e, [held = w.held] {});
    }
    EXPECT_EQ(w.alive(), 0);
}

TEST(limited_executor_on_one_that_fails, what_is_left_without_a_context_to_end_goes_with_the_last_copy)
{
    asio::io_context context;
    moody inner{context.get_executor()};
    witness w;
    {
        limited_moody const e{inner};
        *inner.now = moody::mood::drops;
        asio::post(e, [held = w.held] {});
        EXPECT_EQ(w.alive(), 1);
    }
    EXPECT_EQ(w.alive(), 0);
}

// Memory

struct ledger
{
    int allocated = 0;
    int freed = 0;
};

template <class T>
struct counting_allocator
{
    using value_type = T;

    explicit counting_allocator(ledger& l) noexcept : book(&l) {}
    template <class U>
    counting_allocator(counting_allocator<U> const& other) noexcept : book(other.book)
    {}

    T* allocate(std::size_t n)
    {
        ++book->allocated;
        return std::allocator<T>().allocate(n);
    }
    void deallocate(T* p, std::size_t n)
    {
        ++book->freed;
        std::allocator<T>().deallocate(p, n);
    }
    template <class U>
    friend bool operator==(counting_allocator const& a, counting_allocator<U> const& b) noexcept
    {
        return a.book == b.book;
    }

    ledger* book;
};

TEST(limited_executor, uses_the_allocator_of_the_function)
{
    ledger book;
    {
        asio::io_context context;
        limited_io const e{context};
        asio::post(e, [] {});
        EXPECT_EQ(book.allocated, 0);

        counting_allocator<void> const own(book);
        auto free_when_it_runs = false;
        asio::post(e, asio::bind_allocator(own, [&] { free_when_it_runs = book.allocated == book.freed; }));
        EXPECT_EQ(book.allocated, 1);
        context.run();
        EXPECT_TRUE(free_when_it_runs);

        EXPECT_FALSE(e.try_post(asio::bind_allocator(own, [] {})));
        EXPECT_FALSE(e.try_post(asio::bind_allocator(own, [] {})));
        EXPECT_GT(book.allocated, 2);
    }
    EXPECT_EQ(book.allocated, book.freed);
}

// Many threads

asio::awaitable<void> sections(int count, gauge& inside)
{
    auto const executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor);
    for (auto i = 0; i < count; ++i) {
        inside.enter();
        std::this_thread::yield();
        inside.leave();
        if (i % 3 == 0) {
            co_await asio::post(executor, asio::deferred);
        } else if (i % 3 == 1) {
            co_await asio::defer(executor, asio::use_awaitable);
        } else {
            timer.expires_at(asio::steady_timer::time_point::min());
            co_await timer.async_wait(asio::deferred);
        }
    }
}

template <class Context, class Run>
void stress(Context& context, Run const& run)
{
    limited_executor const e{context, {.max_running = 2}};
    gauge inside;
    std::atomic<int> ended{0};
    for (auto i = 0; i < 64; ++i) {
        auto const body = [&](std::exception_ptr thrown) { ended += thrown == nullptr; };
        if (i % 2)
            asio::co_spawn(e, sections(50, inside), body);
        else
            asio::co_spawn(asio::make_strand(e), sections(50, inside), body);
    }
    run();
    EXPECT_EQ(ended, 64);
    EXPECT_EQ(inside.total(), 64 * 50);
    EXPECT_LE(inside.most(), 2);
    EXPECT_EQ(e.snapshot().running, 0U);
    EXPECT_EQ(e.snapshot().queued, 0U);
}

TEST(limited_executor_under_stress, never_runs_more_than_it_may_on_an_io_context)
{
    asio::io_context context(4);
    stress(context, [&] { run_on_threads(context, 4); });
}

TEST(limited_executor_under_stress, never_runs_more_than_it_may_on_a_thread_pool)
{
    asio::thread_pool pool(4);
    stress(pool, [&] { pool.join(); });
}

TEST(limited_executor_under_stress, executors_come_and_go_while_others_run)
{
    asio::thread_pool pool(4);
    std::atomic<int> ran{0};
    std::vector<std::thread> submitters;
    for (auto who = 0; who < 3; ++who)
        submitters.emplace_back([&] {
            for (auto i = 0; i < 300; ++i) {
                limited_pool const e{pool, sized(2)};
                for (auto k = 0; k < 5; ++k) asio::post(e, [&] { ++ran; });
            }
        });
    for (auto& s : submitters) s.join();
    pool.join();
    EXPECT_EQ(ran, 3 * 300 * 5);
}

} // namespace
