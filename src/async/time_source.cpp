#include <keel/async/time_source.hpp>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
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

time_point steady_now() noexcept { return std::chrono::steady_clock::now(); }

asio::execution_context::id time_source::id;

/// The one Asio timer. A pending timer keeps `run()` from returning, so it is never set further ahead than
/// `span`: 10 ms at first, doubled each time it fires while deadlines remain. When the last deadline goes
/// away while the span is long, the timer is cancelled; that can happen once in 10 ms at most, so the usual
/// disarming costs no system call. Guarded by the mutex of the time source.
class time_source::alarm
{
public:
    explicit alarm(asio::execution_context& context) : timer_(context_executor(context)) {}

    void set(time_source& owner, time_point earliest, time_point now)
    {
        auto const at = std::min(earliest, saturating_add(now, span_));
        if (set_ && at_ <= at) return;
        set_ = false;
        timer_.expires_at(at);
        timer_.async_wait([&owner, shot = ++shot_](boost::system::error_code) { owner.on_alarm(shot); });
        set_ = true;
        at_ = at;
    }

    /// False: the timer that fired had been cancelled or set anew meanwhile.
    bool fired(std::uint64_t shot) noexcept
    {
        if (shot != shot_ || !set_) return false;
        set_ = false;
        return true;
    }

    void lengthen() noexcept { span_ = std::min(span_ * 2, duration(std::chrono::hours(1))); }
    void shorten() noexcept { span_ = shortest_span; }

    void nothing_left()
    {
        if (!set_ || span_ <= shortest_span) return;
        shorten();
        cancel();
    }

    void cancel()
    {
        set_ = false;
        ++shot_;
        timer_.cancel();
    }

private:
    timer timer_;
    duration span_ = shortest_span;
    bool set_ = false;
    time_point at_{};
    std::uint64_t shot_ = 0;
};

time_source::time_source(asio::execution_context& context) : service(context) {}
time_source::~time_source() = default;

time_source& time_source::of(asio::execution_context& context)
{
    return asio::use_service<time_source>(context);
}

time_point time_source::now() const noexcept { return steady_now(); }

void time_source::arm(deadline& d, time_point at, time_point now)
{
    std::lock_guard lock(mutex_);
    d.due = at;
    d.sequence = ++sequence_;
    heap_.push(d);
    try {
        earliest_moved(heap_.first().due, now);
    } catch (...) {
        heap_.remove(d);
        throw;
    }
    d.armed_ = true;
}

void time_source::disarm(deadline& d) noexcept
{
    if (!std::exchange(d.armed_, false)) return;
    std::lock_guard lock(mutex_);
    if (d.position != detail::heap_node::nowhere) {
        heap_.remove(d);
        if (heap_.empty()) idle();
    } else if (d.fired_) {
        unlink_fired(d);
    }
}

std::size_t time_source::armed() const
{
    std::lock_guard lock(mutex_);
    auto count = heap_.size();
    for (auto const* d = first_fired_; d; d = d->next_fired_) ++count;
    return count;
}

time_point time_source::earliest() const
{
    std::lock_guard lock(mutex_);
    return heap_.empty() ? time_point::max() : heap_.first().due;
}

// One at a time, and posted before it leaves the heap: if there is no memory for the post, nothing is lost.
// Each is numbered anew, so that those on their way are in order of their numbers.
void time_source::fire_due(time_point now)
{
    std::lock_guard lock(mutex_);
    while (!heap_.empty() && heap_.first().due <= now) {
        auto& d = static_cast<deadline&>(heap_.first());
        asio::post(*d.executor_, [this, sequence = sequence_ + 1] { deliver(sequence); });
        heap_.remove(d);
        d.sequence = ++sequence_;
        d.fired_ = true;
        d.previous_fired_ = last_fired_;
        d.next_fired_ = nullptr;
        (last_fired_ ? last_fired_->next_fired_ : first_fired_) = &d;
        last_fired_ = &d;
    }
}

// What waits may be gone, or disarmed, by the time this runs on its executor: then its entry is gone too.
void time_source::deliver(std::uint64_t sequence)
{
    deadline* d = nullptr;
    {
        std::lock_guard lock(mutex_);
        d = take_fired(sequence);
    }
    if (!d) return;
    d->armed_ = false;
    d->reached();
}

// They are delivered in order, or nearly so if they are of several strands: it is the first, or close to it.
deadline* time_source::take_fired(std::uint64_t sequence) noexcept
{
    auto* d = first_fired_;
    while (d && d->sequence < sequence) d = d->next_fired_;
    if (!d || d->sequence != sequence) return nullptr;
    unlink_fired(*d);
    return d;
}

void time_source::unlink_fired(deadline& d) noexcept
{
    (d.previous_fired_ ? d.previous_fired_->next_fired_ : first_fired_) = d.next_fired_;
    (d.next_fired_ ? d.next_fired_->previous_fired_ : last_fired_) = d.previous_fired_;
    d.fired_ = false;
}

void time_source::earliest_moved(time_point earliest, time_point now)
{
    if (down_) return; // armed by what dies with the context: Asio's timers are gone already
    if (!alarm_) alarm_ = std::make_unique<alarm>(context());
    alarm_->set(*this, earliest, now);
}

void time_source::idle() noexcept
{
    if (alarm_) alarm_->nothing_left();
}

void time_source::on_alarm(std::uint64_t shot)
{
    {
        std::lock_guard lock(mutex_);
        if (!alarm_ || !alarm_->fired(shot)) return;
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
    std::lock_guard lock(mutex_);
    if (heap_.empty()) return alarm_->shorten();
    alarm_->lengthen();
    try {
        alarm_->set(*this, heap_.first().due, now);
    } catch (std::bad_alloc const&) { // the next deadline to be armed tries again
    }
}

void time_source::shutdown()
{
    std::lock_guard lock(mutex_);
    down_ = true;
    if (alarm_) alarm_->cancel();
    alarm_.reset();
}

} // namespace keel
