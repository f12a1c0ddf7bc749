#include "ending.hpp"

#include <keel/core/option_faults.hpp>
#include <keel/policy/retry.hpp>

#include <exception>
#include <string>
#include <string_view>

namespace keel_get {

namespace {

/// What the operation threw, in its own words.
std::string words_of(std::exception_ptr thrown)
{
    try {
        std::rethrow_exception(thrown);
    } catch (std::exception const& e) {
        return e.what();
    }
}

ending ending_of_answer(example::response const& answer)
{
    if (answer.status < 400) return {};
    return {exit_code::bad_status, "the server answered with status " + std::to_string(answer.status)};
}

ending ending_of_timeout(std::string_view policy, limits const& given)
{
    auto const limit = policy == "timeout" ? given.call : given.attempt;
    return {exit_code::failed,
            "no answer within " + keel::to_string(limit) + " (--" + std::string(policy) + ')'};
}

} // namespace

ending ending_of(keel::outcome<example::response> const& ended, limits const& given)
{
    if (ended.has_value()) return ending_of_answer(ended.value());

    switch (ended.ended_by()) {
    case keel::ended_by::timeout: return ending_of_timeout(ended.report().policy, given);
    case keel::ended_by::rejection: return {exit_code::refused, "refused: " + ended.error().message()};
    default: break;
    }
    auto const thrown = ended.exception();
    return {exit_code::failed, thrown ? words_of(thrown) : ended.error().message()};
}

std::string history_of(keel::outcome<example::response> const& ended)
{
    auto const n = ended.attempts();
    auto const text = ", after " + std::to_string(n) + (n == 1 ? " attempt" : " attempts");
    auto const sent_away = ended.report().stopped == keel::retry_stop::hint_too_long;
    return sent_away ? text + ", for its Retry-After is too long" : text;
}

} // namespace keel_get
