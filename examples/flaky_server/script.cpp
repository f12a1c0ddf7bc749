#include "script.hpp"

#include "common/text.hpp"

#include <algorithm>
#include <utility>

namespace flaky {

namespace {

/// `at + by`, but never past the end of time: an endless queue must not wrap around.
time_point later(time_point at, duration by)
{
    return by > time_point::max() - at ? time_point::max() : at + by;
}

bool is_nth(std::uint64_t number, std::uint64_t every) { return every != 0 && number % every == 0; }

} // namespace

time_point worker_pool::finish(time_point now, duration work)
{
    if (capacity_ == 0) return later(now, work);

    auto start = now;
    if (free_at_.size() == capacity_) {
        start = std::max(now, free_at_.top());
        free_at_.pop();
    }
    auto const end = later(start, work);
    free_at_.push(end);
    return end;
}

script::script(settings wanted) : settings_(std::move(wanted)), workers_(settings_.capacity) {}

verdict script::next(time_point now)
{
    if (requests_ == 0) first_ = now;

    // Every request takes its turn in the cycle, whatever else befalls it, so that the status of the n-th
    // request depends on n alone.
    auto const status = settings_.statuses[requests_ % settings_.statuses.size()];
    ++requests_;

    return in_outage(now) ? in_bad_times(now) : in_good_times(now, status);
}

void script::restart()
{
    workers_ = worker_pool{settings_.capacity};
    requests_ = 0;
}

bool script::in_outage(time_point now) const
{
    if (!settings_.outage) return false;
    auto const since = now - first_ - settings_.outage->start;
    return since >= duration::zero() && since < settings_.outage->length;
}

verdict script::in_bad_times(time_point now)
{
    constexpr unsigned unavailable = 503;

    switch (settings_.mode) {
    case outage_mode::status: break;
    case outage_mode::hang: return {verdict::kind::hang, unavailable, time_point::max(), true};
    case outage_mode::reset: return {verdict::kind::reset, unavailable, now, true};
    case outage_mode::slow:
        return {verdict::kind::answer, unavailable, workers_.finish(now, settings_.outage_delay), true};
    }
    return {verdict::kind::answer, unavailable, now, true};
}

verdict script::in_good_times(time_point now, unsigned status)
{
    // A hanging request takes no worker: it would keep it for good, and the server would soon be all stuck.
    if (is_nth(requests_, settings_.hang_every))
        return {verdict::kind::hang, status, time_point::max(), false};

    auto const what = is_nth(requests_, settings_.reset_every) ? verdict::kind::reset : verdict::kind::answer;
    auto const done = workers_.finish(now, settings_.service_time);
    return {what, status, later(done, settings_.delay), false};
}

std::optional<outage_window> parse_outage(std::string_view text)
{
    auto const plus = text.find('+');
    if (plus == text.npos) return std::nullopt;

    auto const start = example::parse_duration(text.substr(0, plus));
    auto const length = example::parse_positive_duration(text.substr(plus + 1));
    if (!start || !length) return std::nullopt;
    return outage_window{*start, *length};
}

std::optional<outage_mode> parse_outage_mode(std::string_view text)
{
    if (text == "status") return outage_mode::status;
    if (text == "hang") return outage_mode::hang;
    if (text == "reset") return outage_mode::reset;
    if (text == "slow") return outage_mode::slow;
    return std::nullopt;
}

std::optional<std::vector<unsigned>> parse_statuses(std::string_view text)
{
    constexpr unsigned lowest = 200; // 1xx are no answers: the client would wait for another one
    constexpr unsigned highest = 599;

    std::vector<unsigned> statuses;
    for (std::size_t begin = 0; begin <= text.size();) {
        auto const end = std::min(text.find(',', begin), text.size());
        auto const status = example::parse_count(text.substr(begin, end - begin), highest);
        if (!status || *status < lowest || statuses.size() == most_statuses) return std::nullopt;
        statuses.push_back(static_cast<unsigned>(*status));
        begin = end + 1;
    }
    return statuses;
}

} // namespace flaky
