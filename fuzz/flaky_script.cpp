// The flaky server's script: its option values, and what becomes of request after request.

#include "input.hpp"
#include "law.hpp"

#include "script.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace keel;
using fuzz::law;

void check_outage(std::string_view text)
{
    auto const found = flaky::parse_outage(text);
    auto const plus = text.find('+');
    auto const start = example::parse_duration(text.substr(0, plus));
    auto const length =
        plus == text.npos ? std::nullopt : example::parse_positive_duration(text.substr(plus + 1));
    law(found.has_value() == (start && length), "an outage is two durations, the second above zero");
    law(!found || (found->start == *start && found->length == *length), "an outage is as it is written");
}

void check_statuses(std::string_view text)
{
    auto const found = flaky::parse_statuses(text);
    if (!found) return;
    law(!found->empty() && found->size() <= flaky::most_statuses, "there are 1 to 1000 statuses");
    law(found->size() == 1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), ',')),
        "there is one status more than commas");
    std::string written;
    for (auto const status : *found) {
        law(status >= 200 && status <= 599, "a status is from 200 to 599");
        written += (written.empty() ? "" : ",") + std::to_string(status);
    }
    auto const again = flaky::parse_statuses(written);
    law(again == found, "statuses written down again are the same");
}

void check_mode(std::string_view text)
{
    auto const known = text == "status" || text == "hang" || text == "reset" || text == "slow";
    law(flaky::parse_outage_mode(text).has_value() == known, "there are four modes");
}

/// As the parsers give it: up to 24 h.
duration some_time(fuzz::input& in)
{
    return std::clamp(in.length(), duration::zero(), example::longest_duration);
}

flaky::settings settings_from(fuzz::input& in)
{
    flaky::settings s;
    s.statuses.clear();
    for (auto n = in.below(4) + 1; n > 0; --n) s.statuses.push_back(200 + in.byte());
    s.delay = some_time(in);
    s.hang_every = in.count<std::uint64_t>();
    s.reset_every = in.count<std::uint64_t>();
    s.capacity = in.below(20);
    s.service_time = some_time(in);
    if (in.flag()) s.outage = flaky::outage_window{some_time(in), std::max(some_time(in), duration(1))};
    s.mode = static_cast<flaky::outage_mode>(in.below(4));
    s.outage_delay = some_time(in);
    return s;
}

/// Workers, kept as a list that is searched.
class naive_workers
{
public:
    explicit naive_workers(std::size_t capacity) : free_at_(capacity, time_point::min()) {}

    time_point finish(time_point now, duration work)
    {
        if (free_at_.empty()) return saturating_add(now, work);
        auto const first = std::min_element(free_at_.begin(), free_at_.end());
        return *first = saturating_add(std::max(now, *first), work);
    }

private:
    std::vector<time_point> free_at_;
};

class game
{
public:
    game(fuzz::input& in, flaky::settings const& s)
        : in_(in),
          s_(s),
          time_(in),
          script_(s),
          workers_(s.capacity)
    {}

    void play()
    {
        while (!in_.empty()) switch (in_.below(8)) {
            case 0: restart(); break;
            case 1:
            case 2: time_.advance(in_); break;
            default: request();
            }
    }

private:
    void restart()
    {
        script_.restart();
        workers_ = naive_workers(s_.capacity);
        number_ = 0;
    }

    void request()
    {
        auto const now = time_.now();
        if (number_++ == 0) first_ = now;
        auto const since = now - first_;
        auto const out =
            s_.outage && since >= s_.outage->start && since - s_.outage->start < s_.outage->length;
        auto const got = script_.next(now);
        law(got == (out ? bad_times() : good_times()), "the n-th request meets what the script says");
    }

    flaky::verdict bad_times()
    {
        using enum flaky::verdict::kind;
        switch (s_.mode) {
        case flaky::outage_mode::hang: return {hang, 503, time_point::max(), true};
        case flaky::outage_mode::reset: return {reset, 503, time_.now(), true};
        case flaky::outage_mode::slow:
            return {answer, 503, workers_.finish(time_.now(), s_.outage_delay), true};
        case flaky::outage_mode::status: break;
        }
        return {answer, 503, time_.now(), true};
    }

    flaky::verdict good_times()
    {
        using enum flaky::verdict::kind;
        auto const status = s_.statuses[(number_ - 1) % s_.statuses.size()];
        if (s_.hang_every != 0 && number_ % s_.hang_every == 0)
            return {hang, status, time_point::max(), false};
        auto const what = s_.reset_every != 0 && number_ % s_.reset_every == 0 ? reset : answer;
        return {what, status, saturating_add(workers_.finish(time_.now(), s_.service_time), s_.delay), false};
    }

    fuzz::input& in_;
    flaky::settings const& s_;
    fuzz::timeline time_;
    flaky::script script_;
    naive_workers workers_;
    std::uint64_t number_ = 0;
    time_point first_{};
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::input in(data, size);
    if (in.flag()) {
        auto const settings = settings_from(in);
        game(in, settings).play();
        return 0;
    }
    auto const text = in.rest();
    check_outage(text);
    check_statuses(text);
    check_mode(text);
    return 0;
}
