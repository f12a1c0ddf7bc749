// Which alternative answers a failure: the first that matches, nobody when the caller has cancelled.

#include "input.hpp"
#include "law.hpp"

#include <keel/core/error.hpp>
#include <keel/policy/fallback.hpp>

#include <boost/system/errc.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace {

using namespace keel;
using fuzz::law;

struct users_own
{};

error_code code_from(fuzz::input& in)
{
    switch (in.below(4)) {
    case 0: return {};
    case 1: return {static_cast<int>(in.byte()), boost::system::generic_category()};
    case 2: return {static_cast<int>(in.byte()), boost::system::system_category()};
    default: return {static_cast<int>(in.below(16)), keel_category()};
    }
}

/// The groups of Keel's own errors, as their documentation lists them.
bool belongs_to(error_code const& code, condition group)
{
    static std::set<int> const rejected{2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
    static std::set<int> const mistakes{8, 9, 10};
    if (code.category() != keel_category()) return false;
    auto const is_timeout = code.value() == 1;
    auto const is_rejected = rejected.contains(code.value());
    if (group == condition::timed_out) return is_timeout;
    if (group == condition::rejected) return is_rejected;
    return is_timeout || (is_rejected && !mistakes.contains(code.value()));
}

enum class answer
{
    no,
    yes,
    throws
};

struct alternative
{
    failure_match match;
    answer expected;
};

alternative alternative_from(fuzz::input& in, failure const& what)
{
    auto const as = [](bool yes) { return yes ? answer::yes : answer::no; };
    switch (in.below(5)) {
    case 0: return {any_failure{}, answer::yes};
    case 1: {
        auto const code = in.flag() ? what.code : code_from(in);
        return {code, as(code.value() == what.code.value() && code.category() == what.code.category())};
    }
    case 2: {
        auto const group = static_cast<condition>(1 + in.below(3));
        return {make_error_condition(group), as(belongs_to(what.code, group))};
    }
    case 3: {
        auto const yes = in.flag();
        return {[yes](failure const&) { return yes; }, as(yes)};
    }
    default: return {[](failure const&) -> bool { throw users_own{}; }, answer::throws};
    }
}

void play(fuzz::input& in)
{
    failure what;
    what.code = code_from(in);
    what.from_policy = in.flag();
    auto const cancelled = in.flag();

    policy::fallback machine({});
    std::optional<std::size_t> expected;
    auto expected_to_throw = false;
    std::size_t added = 0;
    for (; added < 32 && !in.empty(); ++added) {
        auto each = alternative_from(in, what);
        machine.add(std::move(each.match));
        if (!expected && !expected_to_throw && each.expected == answer::yes) expected = added;
        if (!expected && each.expected == answer::throws) expected_to_throw = true;
    }
    law(machine.snapshot().alternatives == added, "it has the alternatives that were added");

    if (cancelled) expected.reset();
    try {
        auto const chosen = machine.choose(what, cancelled);
        law(cancelled || !expected_to_throw, "what a user's function throws comes through");
        law(chosen == expected, "the first alternative that matches answers, and none for a cancelled call");
    } catch (users_own const&) {
        law(expected_to_throw && !cancelled, "no function is asked behind the first match");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::input in(data, size);
    play(in);
    return 0;
}
