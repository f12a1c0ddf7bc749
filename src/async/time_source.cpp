#include <keel/async/time_source.hpp>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <new>
#include <utility>

namespace keel {
namespace {

constexpr duration shortest_span = std::chrono::milliseconds(10);

/// Runs a completion handler right where the context completes it: the alarm belongs to the context as a
/// whole, and must not queue behind the work of any one strand.
class context_executor
{
public:
    explicit context_executor(asio::execution_context& context) noexcept : context_(&context) {}

    asio::execution_context& query(asio::execution::context_t) const noexcept { return *context_; }

    template <class Function>
    void execute(Function&& function) const
    {
        std::forward<Function>(function)();
    }

    // Required of an executor, though the one timer never compares it.
    [[maybe_unused]] friend bool operator==(context_executor const&,
                                            context_executor const&) noexcept = default;

private:
    asio::execution_context* context_;
};

using timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, context_executor>;

} // namespace

// A call keeps one for each of its waits.
static_assert(sizeof(void*) != 8 || sizeof(deadline) <= 48);

time_point steady_now() noexcept { return std::chrono::steady_clock::now(); }

asio::execution_context::id time_source::id;

/// The one Asio timer. A pending timer keeps `run()` from returning, so it is never set further ahead than
/// `span`: 10 ms at first, doubled each time it fires while deadlines remain. When the last deadline goes
/// away while the timer is set further ahead than 10 ms, it is cancelled; that can happen once in 10 ms at
/// most, so the usual disarming costs no system call. Guarded by the alarm mutex of the time source.
class time_source::alarm
{
public:
    explicit alarm(asio::execution_context& context) : timer_(context_executor(context)) {}

    /// How far ahead it may be set.
    time_point reach(time_point now) const noexcept { return saturating_add(now, span_); }
    void lengthen() noexcept { span_ = std::min(span_ * 2, duration(std::chrono::hours(1))); }
    void shorten() noexcept { span_ = shortest_span; }

    /// \throws std::bad_alloc; then the alarm that was set before goes off at once
    void set(time_source& owner, time_point at)
    {
        using allocator = detail::reserved_block::allocator<std::byte>;
        timer_.expires_at(at);
        auto const shot = shot_ + 1;
        timer_.async_wait(
            asio::bind_allocator(allocator(owner.for_alarm_),
                                 [&owner, shot](boost::system::error_code) { owner.on_alarm(shot); }));
        shot_ = shot;
    }

    void cancel()
    {
        ++shot_;
        timer_.cancel();
    }

    /// False: it has been cancelled or set anew since that shot.
    bool expects(std::uint64_t shot) const noexcept { return shot == shot_; }

private:
    timer timer_;
    duration span_ = shortest_span;
    std::uint64_t shot_ = 0;
};

/// A deadline that has fired, as far as it may be known without the lock.
struct time_source::firing
{
    asio::any_io_executor executor;
    std::uint64_t number;
};

time_source::time_source(asio::execution_context& context) : service(context) {}
time_source::~time_source() = default;

time_source& time_source::of(asio::execution_context& context)
{
    return asio::use_service<time_source>(context);
}

time_point time_source::now() const noexcept { return steady_now(); }

// The usual ways of these two end in calls and call nothing else, so that they need nothing saved.

void time_source::arm(deadline& d, time_point at, time_point now)
{
    if (!lock_.try_lock()) return arm_with_care(d, at, now);
    auto const armed = queue_.push_at_once(d, at, saturating_sub(at, now));
    if (armed) ++armed_;
    auto const is_first = at <= alarm_at_;
    lock_.unlock();
    if (!armed) return arm_with_care(d, at, now);
    if (is_first) arm_first(d, now);
}

void time_source::arm_with_care(deadline& d, time_point at, time_point now)
{
    {
        std::lock_guard lock(lock_);
        queue_.push(d, at, saturating_sub(at, now));
        ++armed_;
        if (alarm_at_ < at) return;
    }
    arm_first(d, now);
}

void time_source::arm_first(deadline& d, time_point now)
{
    try {
        earliest_moved(now);
    } catch (...) {
        remove(d);
        throw;
    }
}

void time_source::remove(deadline& d) noexcept
{
    if (!lock_.try_lock()) return remove_with_care(d);
    auto const others_keep_alarm = !alarm_is_far_ || (armed_ > 1 && fired_.empty());
    if (!others_keep_alarm || !queue_.remove_at_once(d)) return remove_locked(d);
    d.sequence = 0;
    --armed_;
    lock_.unlock();
}

[[gnu::noinline]] void time_source::remove_with_care(deadline& d) noexcept
{
    lock_.lock();
    remove_locked(d);
}

/// With the lock, which it gives up.
void time_source::remove_locked(deadline& d) noexcept
{
    queue_.remove(d);
    d.sequence = 0;
    --armed_;
    auto const none_left = fired_.empty() ? armed_ == 0 : queue_.empty();
    auto const is_alarm_idle = alarm_is_far_ && none_left;
    lock_.unlock();
    if (is_alarm_idle) cancel_far_alarm();
}

std::size_t time_source::armed() const
{
    std::lock_guard lock(lock_);
    return armed_;
}

time_point time_source::earliest() const
{
    std::lock_guard lock(lock_);
    return next_due();
}

time_point time_source::next_due() const noexcept
{
    if (not_posted()) return time_point::min();
    auto const* const first = queue_.first();
    return first ? first->due : time_point::max();
}

/// The last that has fired, if there was no memory for its post.
detail::deadline_node* time_source::not_posted() const noexcept
{
    auto* const last = fired_.last();
    return last && last->firing > posted_ ? last : nullptr;
}

// Firing

// One at a time and in order. What could not be posted comes first the next time.
void time_source::fire_due(time_point now)
{
    std::lock_guard firing_alone(alarm_mutex_);
    while (auto const next = fire_first(now)) {
        asio::post(next->executor, [this, number = next->number] { deliver(number); });
        std::lock_guard lock(lock_);
        posted_ = next->number;
    }
}

// The executor is copied, which counts a reference at most: what waits may be gone, and its executor with it,
// as soon as the lock is given up.
std::optional<time_source::firing> time_source::fire_first(time_point now)
{
    std::lock_guard lock(lock_);
    auto* node = not_posted();
    if (!node) {
        node = queue_.first();
        if (!node || node->due > now) return std::nullopt;
        queue_.remove(*node);
        node->firing = ++firings_;
        fired_.append(*node);
    }
    return firing{*static_cast<deadline*>(node)->executor_, node->firing};
}

// What waits may be gone, or disarmed, by the time this runs on its executor: then its entry is gone too.
void time_source::deliver(std::uint64_t number)
{
    deadline* d = nullptr;
    {
        std::lock_guard lock(lock_);
        d = take_fired(number);
    }
    if (d) d->reached();
}

// They are delivered in order, or nearly so if they are of several strands: it is the first, or close to it.
deadline* time_source::take_fired(std::uint64_t number) noexcept
{
    auto* node = fired_.first();
    while (node && node->firing < number) node = fired_.after(*node);
    if (!node || node->firing != number) return nullptr;
    detail::deadline_list::remove(*node);
    node->sequence = 0;
    --armed_;
    return static_cast<deadline*>(node);
}

// The alarm

void time_source::earliest_moved(time_point now)
{
    std::lock_guard lock(alarm_mutex_);
    if (down_) return; // armed by what dies with the context: Asio's timers are gone already
    if (!alarm_) alarm_ = std::make_unique<alarm>(context());
    set_alarm(now);
}

// Whoever arms meanwhile, or after this has thrown, finds no alarm that would do, and comes here.
void time_source::set_alarm(time_point now)
{
    time_point at;
    {
        std::lock_guard lock(lock_);
        at = next_due();
        if (at == time_point::max()) return;
        at = std::min(at, alarm_->reach(now));
        if (alarm_at_ <= at) return;
        alarm_at_ = time_point::max();
    }
    alarm_->set(*this, at);
    note_alarm(at, saturating_sub(at, now) > shortest_span);
}

void time_source::note_alarm(time_point at, bool far) noexcept
{
    std::lock_guard lock(lock_);
    alarm_at_ = at;
    alarm_is_far_ = far;
}

// It is set again in any case, so nobody who arms meanwhile needs to wait for it.
void time_source::on_alarm(std::uint64_t shot)
{
    {
        std::lock_guard lock(alarm_mutex_);
        if (!alarm_ || !alarm_->expects(shot)) return;
        note_alarm(time_point::min(), false);
    }
    auto const at = now();
    try {
        fire_due(at);
    } catch (...) {
        set_alarm_again(at);
        throw;
    }
    set_alarm_again(at);
}

void time_source::set_alarm_again(time_point now) noexcept
{
    std::lock_guard lock(alarm_mutex_);
    note_alarm(time_point::max(), false);
    if (earliest() == time_point::max()) return alarm_->shorten();
    alarm_->lengthen();
    try {
        set_alarm(now);
    } catch (std::bad_alloc const&) { // the next deadline to be armed tries again
    }
}

void time_source::cancel_far_alarm() noexcept
{
    std::lock_guard lock(alarm_mutex_);
    {
        std::lock_guard looking(lock_);
        if (!alarm_is_far_ || !queue_.empty()) return;
        alarm_at_ = time_point::max();
        alarm_is_far_ = false;
    }
    alarm_->shorten();
    alarm_->cancel();
}

void time_source::shutdown()
{
    std::lock_guard lock(alarm_mutex_);
    down_ = true;
    note_alarm(time_point::max(), false);
    alarm_.reset();
}

} // namespace keel
