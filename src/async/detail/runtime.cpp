#include <keel/async/detail/runtime.hpp>

#include <keel/async/detail/hand_over.hpp>
#include <keel/async/detail/live_calls.hpp>
#include <keel/async/detail/parking.hpp>
#include <keel/async/detail/scope_pool.hpp>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <random>
#include <utility>

namespace keel::detail {
namespace {

/// Used only while no runtime has ended: then it, and the context at its address, still are what they were.
struct remembered
{
    asio::execution_context* context = nullptr;
    runtime* found = nullptr;
    std::uint64_t at = 0;
};

thread_local constinit remembered last;

} // namespace

/// Kept out of the header, for `<random>` is a large one.
class random_engine : public std::mt19937_64
{
public:
    using std::mt19937_64::mt19937_64;
};

asio::execution_context::id runtime::id;

runtime::runtime(asio::execution_context& context)
    : service(context),
      time_(time_source::of(context)),
      random_(std::make_unique<random_engine>(std::random_device{}())),
      scopes_(std::make_shared<scope_pool>(*this))
{}

constinit std::atomic<std::uint64_t> runtime::ended_{0};

runtime::~runtime()
{
    ended_.fetch_add(1, std::memory_order_release);
    scopes_->end(); // who sees this has seen the other
}

runtime& runtime::of(asio::any_io_executor const& executor)
{
    return of(asio::query(executor, asio::execution::context));
}

runtime& runtime::of(asio::execution_context& context)
{
    auto const now = ended();
    if (last.context != &context || last.at != now)
        last = {&context, &asio::use_service<runtime>(context), now};
    return *last.found;
}

void runtime::keep_track_of_calls()
{
    std::lock_guard lock(mutex_);
    if (calls_) return;
    calls_ = std::make_unique<live_calls>();
    live_.store(calls_.get(), std::memory_order_release);
}

chance runtime::draw()
{
    std::lock_guard lock(mutex_);
    return chance::from_bits((*random_)());
}

void runtime::seed(std::uint64_t value)
{
    std::lock_guard lock(mutex_);
    random_->seed(value);
}

// One that is woken before it has parked stays where it is.
void runtime::enlist(parking& p) noexcept
{
    p.listed_ = true;
    std::lock_guard lock(mutex_);
    if (!p.in_) parked_.push_back(p);
}

void runtime::strike(parking& p) noexcept
{
    if (!std::exchange(p.listed_, false)) return;
    std::lock_guard lock(mutex_);
    parking_list::remove(p);
}

void runtime::wake(parking& p)
{
    if (!hand_over::collect(p)) wake_by_post(p);
}

void runtime::wake_by_post(parking& p)
{
    if (!p.is_plain()) return asio::post(p.executor(), [&p] { p.resume(); });
    auto const own = *plain_executor(p.executor());
    {
        std::lock_guard lock(mutex_);
        parking_list::remove(p);
        woken_.push_back(p);
        if (std::exchange(continuing_, true)) return;
    }
    post_continuation(own);
}

void runtime::post_continuation(asio::io_context::executor_type const& own)
{
    using allocator = reserved_block::allocator<std::byte>;
    asio::post(own, asio::bind_allocator(allocator(for_continuing_), [this, own] { continue_woken(own); }));
}

void runtime::continue_woken(asio::io_context::executor_type const& own)
{
    struct rest
    {
        runtime& of;
        asio::io_context::executor_type const& own;
        ~rest()
        {
            if (of.still_continuing()) of.post_continuation(own);
        }
    } const afterwards{*this, own};

    throw_what_was_thrown();
    constexpr auto most_at_once = 64; // then others have their turn
    for (auto n = 0; n < most_at_once; ++n) {
        auto* const next = next_woken();
        if (!next) return;
        next->resume();
    }
}

void runtime::throw_from_run(std::exception_ptr what, asio::io_context::executor_type const& own)
{
    auto is_first = false;
    {
        std::lock_guard lock(mutex_);
        is_first = !thrown_;
        if (is_first) thrown_ = what;
        if (is_first && std::exchange(continuing_, true)) return;
    }
    if (is_first) return post_continuation(own);
    asio::post(own, [what = std::move(what)] { std::rethrow_exception(what); });
}

void runtime::throw_what_was_thrown()
{
    std::exception_ptr what;
    {
        std::lock_guard lock(mutex_);
        what.swap(thrown_);
    }
    if (what) std::rethrow_exception(std::move(what));
}

parking* runtime::next_woken() noexcept
{
    std::lock_guard lock(mutex_);
    auto* const next = woken_.first();
    if (!next) return nullptr;
    parking_list::remove(*next);
    next->listed_ = false;
    return next;
}

bool runtime::still_continuing() noexcept
{
    std::lock_guard lock(mutex_);
    return continuing_ = woken_.first() != nullptr || thrown_ != nullptr;
}

// One at a time and outside the lock: ending a coroutine may end, or park, others.
void runtime::shutdown()
{
    down_ = true;
    for (;;) {
        parking* next = nullptr;
        {
            std::lock_guard lock(mutex_);
            next = parked_.first() ? parked_.first() : woken_.first();
            if (!next) return;
            parking_list::remove(*next);
        }
        next->drop();
    }
}

} // namespace keel::detail
