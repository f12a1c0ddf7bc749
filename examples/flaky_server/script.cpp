#include "script.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>
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

std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t most)
{
    std::uint64_t number = 0;
    auto const* const end = text.data() + text.size();
    auto const [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end || number > most) return std::nullopt;
    return number;
}

namespace {

using unit = std::pair<std::string_view, duration>;

constexpr std::array<unit, 5> units{{
    {"us", std::chrono::microseconds{1}},
    {"ms", std::chrono::milliseconds{1}},
    {"s", std::chrono::seconds{1}},
    {"min", std::chrono::minutes{1}},
    {"h", std::chrono::hours{1}},
}};

/// The `5` of `1.5`, as thousandths.
std::optional<std::uint64_t> parse_decimals(std::string_view text)
{
    constexpr std::size_t most_decimals = 3;

    if (text.size() > most_decimals) return std::nullopt;
    auto thousandths = parse_count(text, 999);
    if (!thousandths) return std::nullopt;
    for (auto i = text.size(); i < most_decimals; ++i) *thousandths *= 10;
    return thousandths;
}

} // namespace

std::optional<duration> parse_duration(std::string_view text)
{
    auto const number = text.substr(0, text.find_first_not_of("0123456789."));
    auto const unit_name = text.substr(number.size());
    auto const* const found = std::ranges::find(units, unit_name, &unit::first);
    if (found == units.end()) return std::nullopt;

    auto const point = number.find('.');
    auto const most = static_cast<std::uint64_t>(longest_duration / found->second);
    auto const whole = parse_count(number.substr(0, point), most);
    auto const thousandths = point == number.npos ? 0 : parse_decimals(number.substr(point + 1));
    if (!whole || !thousandths) return std::nullopt;

    auto const times = [one = found->second](std::uint64_t n) { return one * static_cast<duration::rep>(n); };
    auto const value = times(*whole) + times(*thousandths) / 1000;
    if (value > longest_duration) return std::nullopt;
    return value;
}

std::optional<duration> parse_positive_duration(std::string_view text)
{
    auto const value = parse_duration(text);
    return value > duration::zero() ? value : std::nullopt;
}

std::optional<outage_window> parse_outage(std::string_view text)
{
    auto const plus = text.find('+');
    if (plus == text.npos) return std::nullopt;

    auto const start = parse_duration(text.substr(0, plus));
    auto const length = parse_positive_duration(text.substr(plus + 1));
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
        auto const status = parse_count(text.substr(begin, end - begin), highest);
        if (!status || *status < lowest || statuses.size() == most_statuses) return std::nullopt;
        statuses.push_back(static_cast<unsigned>(*status));
        begin = end + 1;
    }
    return statuses;
}

} // namespace flaky
