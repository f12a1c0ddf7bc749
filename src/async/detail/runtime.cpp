#include <keel/async/detail/runtime.hpp>

#include <keel/async/detail/live_calls.hpp>
#include <keel/async/detail/parking.hpp>

#include <boost/asio/execution/context.hpp>
#include <boost/asio/query.hpp>

#include <atomic>

namespace keel::detail {
namespace {

/// Counts the runtimes that have ended. A remembered runtime is used only while none has: then it, and the
/// context at its address, still are what they were.
std::atomic<std::uint64_t> ended{0};

struct remembered
{
    asio::execution_context* context = nullptr;
    runtime* found = nullptr;
    std::uint64_t at = 0;
};

thread_local remembered last;

} // namespace

asio::execution_context::id runtime::id;

runtime::runtime(asio::execution_context& context)
    : service(context),
      time_(time_source::of(context)),
      random_(std::random_device{}()),
      scopes_(std::make_shared<scope_pool>())
{}

runtime::~runtime() { ended.fetch_add(1, std::memory_order_release); }

runtime& runtime::of(asio::any_io_executor const& executor)
{
    return of(asio::query(executor, asio::execution::context));
}

runtime& runtime::of(asio::execution_context& context)
{
    auto const now = ended.load(std::memory_order_acquire);
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
    return chance::from_bits(random_());
}

void runtime::seed(std::uint64_t value)
{
    std::lock_guard lock(mutex_);
    random_.seed(value);
}

void runtime::enlist(parking& p)
{
    std::lock_guard lock(mutex_);
    p.next_ = parked_;
    p.previous_ = nullptr;
    if (parked_) parked_->previous_ = &p;
    parked_ = &p;
    p.enlisted_ = true;
}

void runtime::strike(parking& p) noexcept
{
    if (!p.enlisted_) return;
    std::lock_guard lock(mutex_);
    (p.previous_ ? p.previous_->next_ : parked_) = p.next_;
    if (p.next_) p.next_->previous_ = p.previous_;
    p.enlisted_ = false;
}

// One at a time and outside the lock: ending a coroutine may end, or park, others.
void runtime::shutdown()
{
    down_ = true;
    for (;;) {
        parking* next = nullptr;
        {
            std::lock_guard lock(mutex_);
            next = parked_;
        }
        if (!next) return;
        next->drop();
    }
}

} // namespace keel::detail
