#pragma once

#include "common/duration.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <string_view>
#include <vector>

/// What to answer when. Nothing here reads a clock or touches a socket: time is always an argument.
namespace flaky {

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;
using example::duration;

/// What the requests of an outage meet.
enum class outage_mode
{
    status, ///< 503 at once
    hang,   ///< no answer
    reset,  ///< half an answer at once, then a reset
    slow,   ///< a long time of a worker, then 503
};

/// From `start` (included) to `start + length` (excluded), measured from the first request.
struct outage_window
{
    duration start;
    duration length;
};

/// The script as the command line tells it.
struct settings
{
    std::vector<unsigned> statuses{200}; ///< Request by request, over and over. Not empty.
    duration delay{};
    std::uint64_t hang_every = 0;  ///< 0: never. Wins over `reset_every`.
    std::uint64_t reset_every = 0; ///< 0: never
    std::size_t capacity = 0;      ///< 0: unlimited
    duration service_time{};
    std::optional<outage_window> outage{};
    outage_mode mode = outage_mode::status;
    duration outage_delay = std::chrono::seconds{1};
    std::size_t body_bytes = 64;
};

/// What becomes of one request.
struct verdict
{
    enum class kind
    {
        answer, ///< at `at`, with `status`
        hang,   ///< never: `at` is the end of time
        reset,  ///< at `at`, with half an answer that says `status`
    };

    kind what = kind::answer;
    unsigned status = 0;
    time_point at{};
    bool in_outage = false;

    friend bool operator==(verdict const&, verdict const&) = default;
};

/// Workers who serve requests in the order of arrival, one at a time each.
///
/// There is no queue. A worker is the moment it becomes free; a request goes to whoever is free first, and
/// that settles, on arrival, when it will be done. Work begun for a client who leaves is thus never undone.
class worker_pool
{
public:
    /// A capacity of 0 means that there is always a free worker.
    explicit worker_pool(std::size_t capacity) : capacity_(capacity) {}

    /// When a request that arrives `now` and takes a worker `work` will be done.
    time_point finish(time_point now, duration work);

private:
    std::size_t capacity_;
    /// The earliest on top. Workers who have never worked are not in it.
    std::priority_queue<time_point, std::vector<time_point>, std::greater<>> free_at_{};
};

class script
{
public:
    explicit script(settings wanted);

    /// The fate of the next request, arriving `now`. The first call starts the clock of the outage.
    verdict next(time_point now);

    /// Forgets all requests so far: workers are free, and the next request is the first again.
    void restart();

private:
    bool in_outage(time_point now) const;
    verdict in_bad_times(time_point now);
    verdict in_good_times(time_point now, unsigned status);

    settings settings_;
    worker_pool workers_;
    std::uint64_t requests_ = 0;
    time_point first_{};
};

/// Parsers of option values. Like those of `common/`, they take all of the text or nothing.
/// @{
inline constexpr std::size_t most_statuses = 1000;

/// `2s+4s`: START+LENGTH, where LENGTH is not zero.
std::optional<outage_window> parse_outage(std::string_view text);

/// `status`, `hang`, `reset` or `slow`.
std::optional<outage_mode> parse_outage_mode(std::string_view text);

/// `200,200,503`: at most `most_statuses` statuses from 200 to 599.
std::optional<std::vector<unsigned>> parse_statuses(std::string_view text);
/// @}

} // namespace flaky
