#include "law.hpp"
#include "scene.hpp"

namespace keel::testing::detail {

using namespace std::chrono_literals;

namespace {

scripted<int> deaf(duration takes)
{
    scripted<int> op;
    op.takes(takes).ignoring_cancellation().fails(some_error());
    return op;
}

void require_quiet(scene const& s, std::size_t call, std::string const& when)
{
    require(s.done(call), "a call never ended");
    require(s.end(call).still_running == 0, when + ", the call returned while its operation was running");
    require(!s.notes(call).overlapped, when + ", an attempt began before the last one had ended");
}

} // namespace

void nothing_is_left_running(trial const& t)
{
    scene s(t);
    if (s.it().abandons) does_not_apply("it leaves operations behind, as it was told to");
    timeout const short_limit{{.limit = 10ms}};

    auto const around = s.start(deaf(50ms), s.with({short_limit}));
    s.finish();
    require_quiet(s, around, "with a timeout further out");

    auto const inside = s.start(deaf(50ms), s.with({}, {short_limit}));
    s.finish();
    require_quiet(s, inside, "with a timeout further in");

    auto const long_one = s.start(deaf(1h));
    s.finish();
    require_quiet(s, long_one, "after an hour");

    auto const cancelled = s.start(deaf(50ms));
    s.cancel(cancelled);
    s.finish();
    require_quiet(s, cancelled, "cancelled by its caller");
}

} // namespace keel::testing::detail
