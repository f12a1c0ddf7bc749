// One call's time limit: its deadline, and what follows when it has passed.

#include "input.hpp"
#include "law.hpp"

#include <keel/policy/timeout.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace {

using namespace keel;
using fuzz::law;

__extension__ using wide = __int128;

timeout_options options_from(fuzz::input& in)
{
    timeout_options o;
    o.limit = in.length();
    o.on_expiry = on_expiry(in.maybe_length());
    return o;
}

/// A time as far as the clock goes.
wide clamped(wide t)
{
    return std::clamp<wide>(t, time_point::min().time_since_epoch().count(),
                            time_point::max().time_since_epoch().count());
}

wide sum(time_point t, duration d) { return clamped(wide(t.time_since_epoch().count()) + d.count()); }

void play(fuzz::input& in, timeout_options const& o)
{
    fuzz::timeline time(in);
    auto const grace_given = in.flag();
    policy::timeout machine(o, grace_given);
    law(machine.deadline(time.now()).time_since_epoch().count() == sum(time.now(), o.limit),
        "the deadline is `limit` after the start, up to the end of time");
    law(machine.snapshot().limit == o.limit && machine.snapshot().in_grace == grace_given,
        "it begins with the grace that was given before");

    auto const grace = o.on_expiry.grace();
    for (auto turns = 0; turns < 8; ++turns) {
        time.advance(in);
        auto const action = machine.expired(time.now());
        auto const* const wait = std::get_if<policy::await_until>(&action);
        law(std::holds_alternative<policy::await_operation>(action) == !grace,
            "it waits for ever exactly when there is no grace");
        law((wait != nullptr) == (grace && turns == 0 && !grace_given), "grace is given once");
        law(!wait || wait->at.time_since_epoch().count() == sum(time.now(), *grace),
            "grace ends `grace` after the limit passed");
        law(machine.snapshot().in_grace == (grace.has_value() || grace_given), "it says that it is in grace");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::input in(data, size);
    auto const options = options_from(in);
    auto const grace = options.on_expiry.grace();
    law(options.on_expiry.may_abandon() == grace.has_value(), "who gives grace may abandon");
    auto const ok = validate(options).empty();
    law(ok == (!grace || grace->count() >= 0), "validate() reports a fault exactly when grace is negative");
    if (ok) play(in, options);
    return 0;
}
