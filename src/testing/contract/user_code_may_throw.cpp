#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {
namespace {

struct thrown_by_user
{};

enum class who : std::uint8_t
{
    nobody,
    predicates,
    observers
};

struct day
{
    explicit day(trial const& t, who throws) : s(t, scene::observer::story)
    {
        s.around().when_user_code_runs([this, throws] {
            ++calls;
            if (throws == who::predicates) throw thrown_by_user();
        });
        s.story()->on_event = [this, throws](telemetry::event const&) {
            ++events;
            if (throws == who::observers) throw thrown_by_user();
        };
        s.busy_day();
        s.require_rest("after a busy day");
        s.closing_time();
    }

    std::size_t calls = 0;
    std::size_t events = 0;
    scene s; // goes first: what ends with it may still be told
};

bool is_users(std::exception_ptr const& e)
{
    try {
        if (e) std::rethrow_exception(e);
    } catch (thrown_by_user const&) {
        return true;
    } catch (...) {}
    return false;
}

void require_same_memory(day const& silent, day const& loud, std::string const& who)
{
    require(loud.s.memory() == silent.s.memory(), "after " + who + " that threw it remembers " +
                                                      quoted(loud.s.memory()) + ", else " +
                                                      quoted(silent.s.memory()));
}

void predicates(trial const& t, day const& silent)
{
    day loud(t, who::predicates);
    auto kept_out = false; // it threw on the way in, and so the policy never heard of the call
    for (std::size_t i = 0; i < loud.s.calls(); ++i) {
        auto const& end = loud.s.end(i);
        require(end.times == 1, "a call whose predicate threw never ended");
        if (end.report.ended_by != ended_by::predicate) continue;
        kept_out = kept_out || end.report.attempts == 0;
        require(is_users(end.thrown), "a predicate threw, and the call ended with something else");
    }
    loud.s.around().when_user_code_runs({});
    // A loop whose predicate threw has asked its policies for less.
    if (loud.s.as_gate() && !kept_out) require_same_memory(silent, loud, "a predicate");
}

void observers(trial const& t, day const& silent)
{
    day loud(t, who::observers);
    require(loud.s.tell() == silent.s.tell(), "an observer that threw changed how calls ended");
    require_same_memory(silent, loud, "an observer");
}

} // namespace

void user_code_may_throw(trial const& t)
{
    day const silent(t, who::nobody);
    if (silent.calls == 0 && silent.events == 0)
        does_not_apply("it calls no user code, and nothing is reported of it");
    if (silent.calls > 0) predicates(t, silent);
    if (silent.events > 0) observers(t, silent);
}

} // namespace keel::testing::detail
