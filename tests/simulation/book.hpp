#pragma once

#include "event_log.hpp"
#include "seen_end.hpp"
#include "stack.hpp"
#include "stream.hpp"
#include "ticket.hpp"

#include <keel/keel.hpp>
#include <keel/testing/virtual_time.hpp>

#include <boost/asio/cancellation_signal.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace keel::simulated {

/// How well the dependency is: chances in thousandths.
struct weather
{
    std::uint16_t errors = 100; ///< Of an attempt to end in an error.
    std::uint16_t slow = 100;   ///< To take up to 100 ms.
    std::uint16_t odd = 100;    ///< To hang, to be deaf to cancellation, to unwind slowly.
};

/// How a caller makes its call.
struct manner
{
    bool carries_error = false;   ///< The operation returns a `result`.
    bool by_outcome = true;       ///< By `run`, else by the pipeline's call operator.
    bool accepts_partial = false; ///< The caller lets every type of cancellation through, not only terminal.
    bool in_scope = false;        ///< Started by `keel::co_spawn`.
    std::optional<duration> scope_limit{}; ///< The scope's deadline, counted from its start.
    std::optional<duration> limit{};       ///< What the call overrides.
    bool no_retry = false;
    std::uint32_t weight = 1;

    bool overrides_something() const { return limit || no_retry || weight != 1; }
};

manner draw_manner(stream&);

/// What one call did, noted by its operation and by its caller.
struct call_record
{
    std::uint64_t seed = 0;
    weather sky{};
    std::uint16_t stack = 0;
    manner how{};
    bool is_inner = false; ///< Made by the operation of another call, which may cancel it.
    time_point began{};
    std::optional<time_point> deadline{}; ///< The earliest limit that is none of the stack's.

    std::uint32_t started = 0;          ///< How often the operation was called.
    std::uint32_t running = 0;          ///< How many of its runs have not ended.
    std::optional<std::int64_t> gave{}; ///< The success that an attempt returned ...
    time_point gave_at{};
    bool hid = false; ///< The operation hid a cancellation, as it can where it is awaited in place.

    bool awaiting = false;  ///< The caller is where a cancellation can reach it.
    bool cancelled = false; ///< A cancellation that the caller accepts has been sent while it could arrive.
    time_point cancelled_at{};
    std::uint32_t started_when_cancelled = 0;
    std::uint32_t reports = 0;     ///< How often the pipeline reported an end.
    std::optional<seen_end> end{}; ///< What `run` reported.
    std::uint32_t ends = 0;        ///< How often the caller's coroutine ended.
    std::int64_t awaiting_end = 0; ///< Handlers that wait for that; 0 before it, too, if it was destroyed.
    time_point ended_at{};
    std::unique_ptr<asio::cancellation_signal> signal;

    void expires(time_point at) { deadline = std::min(deadline.value_or(at), at); }
};

/// Keeps the records of all calls of one world and complains when something happens that must not.
/// Outlives everything that runs in the world.
class book
{
public:
    explicit book(testing::virtual_time const& clock, std::shared_ptr<event_log> log)
        : clock_(&clock),
          log_(std::move(log))
    {}
    book(book const&) = delete;
    book& operator=(book const&) = delete;

    std::deque<call_record> calls;
    std::vector<stack> stacks;
    std::optional<pipeline_family> family; ///< Has room for few of them, by number. Without it all are kept.
    std::int64_t alive = 0; ///< Objects that operations and the user's functions have captured.

    time_point now() const noexcept { return clock_ ? clock_->now() : closed_at_; }
    /// The clock is about to go away.
    void close() noexcept
    {
        closed_at_ = now();
        clock_ = nullptr;
    }
    event_log& log() noexcept { return *log_; }

    /// What a call is to be made through. Of a family: only its caller is sure to hold it.
    pipeline through(std::uint16_t stack) const;

    call_record& open_call(std::uint16_t stack, std::uint64_t seed);

    // Told by operations.
    std::uint32_t operation_called(std::uint32_t call);
    void operation_begins(std::uint32_t call);
    void operation_is_gone(std::uint32_t call);
    void operation_gave(std::uint32_t call, ticket);

    // Told by callers.
    void call_reported(std::uint32_t call, seen_end const&);
    void call_returned(std::uint32_t call, std::optional<std::int64_t> value, std::exception_ptr thrown);
    void call_ended(std::uint32_t call, std::exception_ptr thrown);

    /// Cancels a call, if it can be cancelled just now.
    void cancel(std::uint32_t call, asio::cancellation_type);

    /// Told of every event.
    void happened(telemetry::event const&);

    /// From here on no call is blamed for what it says or counts, for memory may run out in the middle of it.
    void excuse_calls() noexcept { excused_ = true; }

    void require(bool holds, std::uint32_t call, char const* what)
    {
        if (!holds && !excused_) complain(call, what);
    }
    void require(bool holds, std::string const& what)
    {
        if (!holds) complain(what);
    }
    /// What no lack of memory excuses: an operation may use what its caller owns.
    void require_ended(call_record const&, std::uint32_t call);
    void complain(std::uint32_t call, std::string const& what);
    void complain(std::string const& what);

    std::vector<std::string> const& complaints() const noexcept { return complaints_; }

private:
    void check_gates_at_start(stack const&, std::uint32_t call);
    void check_rate(part const&, std::uint32_t call);
    void check_pause(telemetry::retry_scheduled const&);
    void check_earlier(std::uint32_t call, seen_end const&);
    void check_result_kept(call_record const&, stack const&, std::uint32_t call, seen_end const&);
    void check_who_ended(call_record const&, stack const&, std::uint32_t call, seen_end const&);
    void check_in_time(call_record const&, stack const&, std::uint32_t call);
    bool gave_in_time(call_record const&, stack const&) const;

    testing::virtual_time const* clock_;
    time_point closed_at_{};
    std::shared_ptr<event_log> log_;
    std::vector<std::string> complaints_;
    bool excused_ = false;

    /// What passes a gate, whichever stack it stands in.
    struct passage
    {
        std::size_t running = 0;       ///< Operations that need a permit of this bulkhead ...
        std::deque<time_point> starts; ///< ... and when the last ones began behind this rate limiter.
    };
    std::map<std::string, passage, std::less<>> passages_;
};

/// The longest that an operation goes on after it has been told to stop.
inline constexpr duration longest_unwinding = std::chrono::milliseconds(200);

} // namespace keel::simulated
