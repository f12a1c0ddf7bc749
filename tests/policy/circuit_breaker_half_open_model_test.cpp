// Every order in which a few trial calls can begin and end, with what may come between: time that passes, an
// operator, and calls that were admitted in an earlier state. Stopping anywhere is an order too, so every
// moment is looked at once, and calls that never end are among them.

#include <keel/circuit_breaker.hpp>

#include "support/choices.hpp"
#include "support/naive_breaker.hpp"
#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;

struct setting
{
    std::size_t permits;
    std::size_t calls;     ///< How many ask, besides one that was admitted before the circuit opened.
    std::size_t surprises; ///< How often time may jump or an operator step in.
    bool in_a_row;         ///< A consecutive window. Else half of the trials must fail to open the circuit.
    std::size_t orders;    ///< How many there are.

    friend std::ostream& operator<<(std::ostream& out, setting const& s)
    {
        return out << s.calls << "_calls_" << s.permits << "_permits_" << s.surprises << "_surprises"
                   << (s.in_a_row ? "_in_a_row" : "");
    }
};

constexpr duration open_for = 5s;
constexpr duration longest = 10s; ///< Of the later open periods, and of being half-open.

circuit_breaker_options options_for(setting const& s)
{
    circuit_breaker_options o;
    o.window = count_window{1};
    if (s.in_a_row) o.window = consecutive_window{1};
    o.min_calls = 1;
    o.open_for = open_for;
    o.open_max = longest;
    o.half_open_permits = s.permits;
    o.half_open_max = longest;
    return o;
}

tests::naive_breaker::rules rules_for(setting const& s)
{
    tests::naive_breaker::rules r;
    if (s.in_a_row)
        r.in_a_row = 1;
    else
        r.last = 1;
    r.failure_percent = 50;
    r.open_for = open_for;
    r.open_multiplier = 2;
    r.open_max = longest;
    r.permits = s.permits;
    r.half_open_max = longest;
    return r;
}

enum class event
{
    end, // of the order
    ask,
    succeed,
    fail,
    ignore,
    drop,
    wait_nearly,
    wait,
    force_open,
    force_close
};

constexpr char const* names[] = {"end",  "ask",         "succeed", "fail",       "ignore",
                                 "drop", "10 s - 1 ns", "10 s",    "force open", "force close"};

struct step
{
    event what;
    std::size_t call = 0;
};

struct call
{
    permit pass;
    std::uint64_t era; ///< The circuit's generation when it was admitted.
    time_point since;
    event ended = event::end; ///< `end`: it has not.
};

/// The circuit, its description in a model, and what was seen of the calls.
class history
{
public:
    explicit history(setting const& s) : setting_(s), naive_(rules_for(s)), breaker_(watched(s))
    {
        ask();
        ask();
        settle(1, event::fail);
        now_ += open_for;
        asked_ = 0;
    }

    void take(tests::choices& way)
    {
        for (;;) {
            auto const can = possible();
            auto const next = can[way.below(can.size())];
            if (next.what == event::end) break;
            path_.push_back(next);
            take(next);
        }
        compare_with_model();
        check_half_open();
        check_transitions();
        check_permits();
        check_that_it_recovers();
    }

    /// The first thing that was wrong, and how it came about.
    std::string fault() const
    {
        if (wrong_.empty()) return {};
        std::ostringstream text;
        text << wrong_ << "\n after:";
        for (auto const& s : path_) {
            text << ' ' << names[static_cast<std::size_t>(s.what)];
            if (ends_a_call(s.what)) text << ' ' << s.call;
            text << ',';
        }
        return text.str();
    }

private:
    circuit_breaker_options watched(setting const& s)
    {
        auto o = options_for(s);
        o.on_transition = [this](circuit_transition const& t) { transitions_.push_back(t); };
        return o;
    }

    static bool ends_a_call(event e) { return e >= event::succeed && e <= event::drop; }

    std::vector<step> possible() const
    {
        std::vector<step> can{{event::end}};
        if (asked_ < setting_.calls) can.push_back({event::ask});
        for (std::size_t i = 0; i < calls_.size(); ++i)
            if (calls_[i].ended == event::end)
                for (auto const e : {event::succeed, event::fail, event::ignore, event::drop})
                    can.push_back({e, i});
        if (surprises_ < setting_.surprises)
            for (auto const e : {event::wait_nearly, event::wait, event::force_open, event::force_close})
                can.push_back({e});
        return can;
    }

    void take(step const& s)
    {
        if (s.what == event::ask)
            ask();
        else if (ends_a_call(s.what))
            settle(s.call, s.what);
        else
            surprise(s.what);
    }

    bool ask()
    {
        ++asked_;
        auto pass = breaker_.try_acquire(now_);
        auto const granted = static_cast<bool>(pass);
        expect(granted == naive_.admit(now_), "admits otherwise than the model");
        expect(granted || pass.retry_at() == naive_.until(),
               "names another time to ask again than the model");
        if (granted) calls_.push_back({std::move(pass), naive_.generation(), now_});
        return granted;
    }

    void settle(std::size_t i, event how)
    {
        auto& c = calls_[i];
        c.ended = how;
        auto v = verdict::ignored;
        if (how == event::succeed) v = verdict::success;
        if (how == event::fail) v = verdict::failure;
        if (how == event::drop)
            c.pass = permit();
        else
            c.pass.settle(v, now_);
        naive_.settle(c.era, c.since, v, now_);
    }

    void surprise(event what)
    {
        ++surprises_;
        if (what == event::wait_nearly) now_ += longest - 1ns;
        if (what == event::wait) now_ += longest;
        if (what == event::force_open) {
            breaker_.force_open(now_);
            naive_.force_open(now_);
        }
        if (what == event::force_close) {
            breaker_.force_close(now_);
            naive_.force_close(now_);
        }
    }

    void compare_with_model()
    {
        auto const seen = breaker_.snapshot(now_);
        expect(seen.state == naive_.state(), "is in another state than the model");
        expect(seen.generation == naive_.generation(), "is in another generation than the model");
        expect(seen.opens_until == naive_.until(), "stays open for another time than the model");
        expect(seen.trials_in_flight == naive_.in_flight(), "has other trials in flight than the model");
        expect(seen.window == naive_.window(now_), "has counted other calls than the model");
    }

    /// Told from the calls alone, without the model.
    void check_half_open()
    {
        auto const seen = breaker_.snapshot(now_);
        if (seen.state != circuit_state::half_open) return;
        auto const trials = [&](event e) {
            return static_cast<std::size_t>(std::count_if(calls_.begin(), calls_.end(), [&](call const& c) {
                return c.era == seen.generation && c.ended == e;
            }));
        };
        auto const failed = trials(event::fail);
        auto const counted = trials(event::succeed) + failed;
        auto const in_flight = trials(event::end);
        expect(in_flight + counted <= setting_.permits, "lets in more trials than permits");
        expect(counted < setting_.permits, "has heard of all trials, and does not decide");
        expect(seen.window == policy::tally{counted, failed, 0}, "counts what is no verdict of a trial");
        expect(seen.trials_in_flight == in_flight, "loses a permit, or makes one");
    }

    void check_transitions()
    {
        auto state = circuit_state::closed;
        for (auto const& t : transitions_) {
            expect(t.from == state && t.to != state, "tells of a transition that was none");
            state = t.to;
        }
        expect(state == breaker_.state(), "does not tell of a transition");
    }

    /// Of those who come now, as many go in as the model says, and no more.
    void check_permits()
    {
        for (std::size_t i = 0; i <= setting_.permits; ++i) ask();
    }

    /// Even if no call in flight ever ends.
    void check_that_it_recovers()
    {
        if (breaker_.state() == circuit_state::forced_open) return;
        now_ += longest;
        if (ask()) return;
        now_ = breaker_.snapshot(now_).opens_until.value_or(now_);
        expect(ask(), "lets nobody in any more");
    }

    void expect(bool ok, char const* else_wrong)
    {
        if (!ok && wrong_.empty()) wrong_ = else_wrong;
    }

    setting const& setting_;
    std::vector<circuit_transition> transitions_{};
    tests::naive_breaker naive_;
    circuit_breaker breaker_;
    std::vector<call> calls_{};
    std::size_t asked_ = 0;
    std::size_t surprises_ = 0;
    time_point now_{};
    std::vector<step> path_{};
    std::string wrong_{};
};

class half_open_circuit : public testing::TestWithParam<setting>
{};

TEST_P(half_open_circuit, does_as_described_in_every_order)
{
    tests::choices way;
    std::size_t orders = 0;
    do {
        ++orders;
        history h(GetParam());
        h.take(way);
        ASSERT_EQ(h.fault(), "");
    } while (way.another());
    EXPECT_EQ(orders, GetParam().orders);
}

INSTANTIATE_TEST_SUITE_P(all, half_open_circuit,
                         testing::Values(setting{1, 4, 0, false, 52'717}, setting{2, 4, 0, false, 155'825},
                                         setting{3, 4, 0, false, 720'573}, setting{2, 4, 0, true, 136'353},
                                         setting{1, 3, 1, false, 164'148}, setting{3, 3, 1, false, 873'964},
                                         setting{2, 3, 1, true, 414'044}, setting{2, 2, 2, false, 307'023}),
                         testing::PrintToStringParamName());

// Minutes: .ci/prove models
INSTANTIATE_TEST_SUITE_P(DISABLED_long, half_open_circuit,
                         testing::Values(setting{1, 4, 1, true, 4'110'109},
                                         setting{2, 4, 1, false, 8'058'541},
                                         setting{3, 4, 1, false, 22'710'541},
                                         setting{2, 3, 2, false, 7'321'780}),
                         testing::PrintToStringParamName());

} // namespace
