// Every order in which a few trial calls can begin and end, with what may come between: time that passes, an
// operator, and calls that were admitted in an earlier state.

#include <keel/policy/circuit_breaker.hpp>

#include "support/printers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace keel;
using namespace std::chrono_literals;
using breaker = policy::circuit_breaker;

struct rules
{
    std::size_t permits;
    bool in_a_row;       ///< A consecutive window, else half of the trials must fail.
    bool late;           ///< A call that was admitted before the circuit opened is still in flight.
    std::size_t calls;   ///< How many ask, besides the late one.
    int interruptions;   ///< How often time may jump or an operator step in.

    verdict bad() const { return in_a_row ? verdict::throttled : verdict::failure; }
};

constexpr duration open_for = 5s;
constexpr duration longest_open = 10s;
constexpr duration half_open_max = 10s;

circuit_breaker_options options_for(rules const& r)
{
    circuit_breaker_options o;
    o.window = count_window{1};
    if (r.in_a_row) o.window = consecutive_window{1};
    o.min_calls = 1;
    o.failure_ratio = 0.5;
    o.open_for = open_for;
    o.open_multiplier = 2;
    o.open_max = longest_open;
    o.half_open_permits = r.permits;
    o.half_open_max = half_open_max;
    return o;
}

/// A circuit as its page describes it. An era lasts from one change of state to the next.
class described
{
public:
    explicit described(rules const& r) : rules_(r) {}

    struct answer
    {
        bool granted = false;
        errc why{};
        std::optional<time_point> again{};
    };

    answer ask(time_point now)
    {
        // "Time alone changes nothing": only a call that comes finds that a period is over.
        if (state == circuit_state::open && now >= *until) begin_era(circuit_state::half_open, now);
        if (state == circuit_state::half_open && now >= since_ + half_open_max) open(now);
        switch (state) {
        case circuit_state::open: return {false, errc::circuit_open, until};
        case circuit_state::forced_open: return {false, errc::circuit_forced_open, {}};
        case circuit_state::half_open:
            if (trials_let_in() == rules_.permits) return {false, errc::circuit_half_open, {}};
            ++in_flight;
            break;
        case circuit_state::closed: break;
        }
        return {true, {}, {}};
    }

    /// Whether it counts.
    bool hear(std::uint64_t of_era, verdict v, time_point now)
    {
        if (of_era != era) return false;
        if (state == circuit_state::half_open) --in_flight;
        if (v == verdict::ignored) return false;
        ++(v == verdict::success ? good : bad);
        if (state == circuit_state::closed && bad > 0) // the window holds one call
            open(now);
        else if (state == circuit_state::closed)
            good = 1;
        else if (rules_.in_a_row && bad > 0)
            open(now);
        else if (good + bad == rules_.permits && bad >= good)
            open(now);
        else if (good + bad == rules_.permits)
            close(now);
        return true;
    }

    void close(time_point now)
    {
        openings_ = 0;
        begin_era(circuit_state::closed, now);
    }

    void force_open(time_point now) { begin_era(circuit_state::forced_open, now); }

    circuit_state state = circuit_state::closed;
    std::uint64_t era = 1;
    std::size_t in_flight = 0;
    std::size_t good = 0;
    std::size_t bad = 0;
    std::optional<time_point> until{};

private:
    std::size_t trials_let_in() const { return in_flight + good + bad; }

    void open(time_point now)
    {
        auto const period = openings_++ == 0 ? open_for : longest_open;
        begin_era(circuit_state::open, now);
        until = now + period;
    }

    void begin_era(circuit_state next, time_point now)
    {
        state = next;
        since_ = now;
        ++era;
        in_flight = good = bad = 0;
        until.reset();
    }

    rules rules_;
    time_point since_{};
    int openings_ = 0;
};

/// What was seen of one era from outside, by neither of the two.
struct ledger
{
    std::size_t granted = 0;
    std::size_t ended = 0;
    std::size_t ignored = 0;
};

struct call
{
    grant pass;
    bool in_flight = true;
};

/// A moment in one of the orders: both circuits, and the calls.
struct moment
{
    breaker real;
    described model;
    ledger book{};
    std::vector<call> calls{};
    std::size_t asked = 0;
    int interruptions = 0;
    time_point now{};
};

/// Walks through all orders. Stops at the first thing that is wrong, and tells how it came about.
class explorer
{
public:
    explicit explorer(rules const& r) : rules_(r) {}

    void explore()
    {
        moment m{breaker(options_for(rules_)), described(rules_)};
        m.calls.reserve(rules_.calls + 2);
        if (rules_.late) ask(m);
        ask(m);
        settle(m, m.calls.size() - 1, rules_.bad());
        m.now += open_for;
        m.asked = 0;
        ASSERT_EQ(m.real.state(), circuit_state::open);
        go_on(m);
        EXPECT_TRUE(wrong_.empty()) << wrong_ << "\n after:" << path_;
    }

    std::uint64_t orders() const { return orders_; }
    std::uint64_t steps() const { return steps_; }

private:
    void go_on(moment const& here)
    {
        auto const before = steps_;
        if (here.asked < rules_.calls) attempt(here, "ask", [this](moment& m) { ask(m); });
        for (std::size_t i = 0; i < here.calls.size(); ++i) {
            if (!here.calls[i].in_flight) continue;
            for (auto const v : {verdict::success, rules_.bad(), verdict::ignored})
                attempt(here, "settle", [=, this](moment& m) { settle(m, i, v); });
        }
        if (here.interruptions < rules_.interruptions) interrupt(here);
        if (steps_ == before) ++orders_;
    }

    void interrupt(moment const& here)
    {
        attempt(here, "nearly half_open_max", [](moment& m) { pass(m, half_open_max - 1ns); });
        attempt(here, "half_open_max", [](moment& m) { pass(m, half_open_max); });
        attempt(here, "force_open", [](moment& m) {
            m.real.force_open(m.now);
            m.model.force_open(m.now);
            ++m.interruptions;
        });
        attempt(here, "force_close", [](moment& m) {
            m.real.force_close(m.now);
            m.model.close(m.now);
            ++m.interruptions;
        });
    }

    template <class Step>
    void attempt(moment const& here, char const* name, Step step)
    {
        if (!wrong_.empty()) return;
        ++steps_;
        auto next = here;
        step(next);
        compare(next);
        if (next.real.generation() != here.real.generation()) next.book = opened_book(next);
        check_laws(next);
        if (wrong_.empty()) go_on(next);
        if (!wrong_.empty()) path_ = std::string(" ") + name + described_calls(next) + "," + path_;
    }

    static void pass(moment& m, duration d)
    {
        m.now += d;
        ++m.interruptions;
    }

    void ask(moment& m)
    {
        ++m.asked;
        auto const real = m.real.admit(m.now);
        auto const said = m.model.ask(m.now);
        auto const granted = real.what == admission::kind::granted;
        expect(granted == said.granted, "admits otherwise than described");
        if (!granted) {
            expect(real.what == admission::kind::refused, "neither grants nor refuses");
            expect(real.why == said.why && real.at == said.again, "refuses for another reason than described");
            return;
        }
        expect(real.pass == grant{m.model.era, m.now, 1}, "grants another pass than described");
        m.calls.push_back({real.pass});
        ++m.book.granted;
    }

    void settle(moment& m, std::size_t i, verdict v)
    {
        auto const pass = m.calls[i].pass;
        auto const before = m.real.snapshot(m.now);
        m.calls[i].in_flight = false;
        auto const counted = m.real.settle(pass, v, m.now);
        expect(counted == m.model.hear(pass.generation, v, m.now), "counts otherwise than described");
        auto const after = m.real.snapshot(m.now);
        auto const stale = pass.generation != before.generation;
        if (stale) expect(!counted && same(before, after), "a call of an earlier era changes something");
        if (v == verdict::ignored)
            expect(!counted && after.generation == before.generation && after.window == before.window,
                   "an ignored call decides something");
        if (stale) return;
        ++m.book.ended;
        if (v == verdict::ignored) ++m.book.ignored;
    }

    static bool same(circuit_breaker_snapshot const& a, circuit_breaker_snapshot const& b)
    {
        return a.state == b.state && a.generation == b.generation && a.window == b.window &&
               a.trials_in_flight == b.trials_in_flight && a.consecutive_failures == b.consecutive_failures &&
               a.opens_until == b.opens_until;
    }

    void compare(moment const& m)
    {
        auto const seen = m.real.snapshot(m.now);
        expect(seen.state == m.model.state, "is in another state than described");
        expect(seen.generation == m.model.era, "is in another generation than described");
        expect(seen.opens_until == m.model.until, "stays open for another time than described");
        expect(seen.trials_in_flight == m.model.in_flight, "has other trials in flight than described");
        if (m.model.state != circuit_state::half_open) return;
        expect(seen.window == policy::tally{m.model.good + m.model.bad, m.model.bad, 0},
               "has counted other trials than described");
    }

    /// A new era begins with nothing, or with the call that began it.
    static ledger opened_book(moment const& m)
    {
        ledger book;
        if (!m.calls.empty() && m.calls.back().pass.generation == m.real.generation()) book.granted = 1;
        return book;
    }

    void check_laws(moment const& m)
    {
        if (m.real.state() != circuit_state::half_open) return;
        auto const in_flight = m.book.granted - m.book.ended;
        expect(in_flight <= rules_.permits, "more trials in flight than permits");
        expect(m.book.granted - m.book.ignored <= rules_.permits, "more trials let in than permits");
        auto const free = m.book.granted - m.book.ignored < rules_.permits;
        expect(in_flight > 0 || free, "all trials have ended, and nothing was decided");
        auto next = m.real;
        auto const goes_in = next.admit(m.now).what == admission::kind::granted;
        auto const over = next.state() == circuit_state::open;
        expect(goes_in == (free && !over), "a permit has been lost, or made out of nothing");
    }

    void expect(bool ok, char const* else_wrong)
    {
        if (!ok && wrong_.empty()) wrong_ = else_wrong;
    }

    static std::string described_calls(moment const& m)
    {
        std::ostringstream text;
        text << " (" << m.real.state();
        for (auto const& c : m.calls) text << (c.in_flight ? " in-flight" : " ended");
        text << ')';
        return text.str();
    }

    rules rules_;
    std::uint64_t orders_ = 0;
    std::uint64_t steps_ = 0;
    std::string wrong_;
    std::string path_;
};

#include <cstdlib>
TEST(x,y){
    for(bool late:{false,true}) for(std::size_t calls:{3,4}) for(int in:{0,1,2,3}) for (std::size_t p=1;p<=3;++p) {
        explorer e({p,false,late,calls,in}); if (late&&calls==4&&in>1) continue; if(calls==4&&in>2) continue;
        e.explore(); std::cout<<"late "<<late<<" calls "<<calls<<" int "<<in<<" permits "<<p<<": "<<e.orders()<<' '<<e.steps()<<std::endl;
    }
}
} // namespace
