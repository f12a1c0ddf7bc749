#include <keel/pipeline/outcome.hpp>

#include <exception>

namespace keel {
namespace {

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

std::string words_for(error_code const& code)
{
    return quoted(code.message()) + " (" + code.category().name() + ':' + std::to_string(code.value()) + ')';
}

/// ` with ...`, or nothing if nothing is known of it.
std::string with_what(failure const& why)
{
    if (why.code) return " with " + words_for(why.code);
    if (!why.exception) return {};
    try {
        std::rethrow_exception(why.exception);
    } catch (std::exception const& e) {
        return std::string(" with ") + quoted(e.what());
    } catch (...) {
        return " with an exception that is no std::exception";
    }
}

std::string after(std::uint32_t attempts)
{
    if (attempts == 0) return " before the operation was started";
    if (attempts == 1) return " after one attempt";
    return " after " + std::to_string(attempts) + " attempts";
}

std::string_view why_not_again(retry_stop s) noexcept
{
    switch (s) {
    case retry_stop::not_retryable: return "failures of this kind are not retried";
    case retry_stop::attempts: return "no attempts were left";
    case retry_stop::max_duration: return "the time for retries was over";
    case retry_stop::deadline: return "the pause before the next attempt would reach the deadline";
    case retry_stop::hint_too_long: return "the server asked for a longer pause than is accepted";
    case retry_stop::budget: return "the retry budget was spent";
    case retry_stop::none:
    case retry_stop::success:
    case retry_stop::cancelled: break;
    }
    return {};
}

std::string not_again(call_report const& r)
{
    auto const reason = why_not_again(r.stopped);
    if (reason.empty() || r.attempts == 0) return {};
    auto const* const again =
        r.attempts == 1 ? "; it was not retried because " : "; it was not retried again because ";
    return again + std::string(reason);
}

std::string how_it_ended(failure const& why, call_report const& r)
{
    switch (r.ended_by) {
    case ended_by::operation: return "The operation failed" + with_what(why) + after(r.attempts);
    case ended_by::timeout: return "The timeout " + quoted(r.policy) + " passed" + after(r.attempts);
    case ended_by::deadline:
        return "The deadline that the call was given or inherited passed" + after(r.attempts);
    case ended_by::rejection:
        return "The policy " + quoted(r.policy) + " refused the call" + with_what(why) + after(r.attempts);
    case ended_by::fallback:
        return "The fallback " + quoted(r.policy) + " failed" + with_what(why) + after(r.attempts);
    case ended_by::caller: return "The caller cancelled the call" + after(r.attempts);
    case ended_by::shutdown: return "The context was being stopped" + after(r.attempts);
    case ended_by::predicate:
        return "A function given to the pipeline failed" + with_what(why) + after(r.attempts);
    }
    return "The call ended";
}

} // namespace

std::string_view to_string(ended_by e) noexcept
{
    switch (e) {
    case ended_by::operation: return "operation";
    case ended_by::timeout: return "timeout";
    case ended_by::deadline: return "deadline";
    case ended_by::rejection: return "rejection";
    case ended_by::fallback: return "fallback";
    case ended_by::caller: return "caller";
    case ended_by::shutdown: return "shutdown";
    case ended_by::predicate: return "predicate";
    }
    return "unknown";
}

std::string explain(bool ok, failure const& why, call_report const& r)
{
    if (!ok) return how_it_ended(why, r) + not_again(r) + '.';
    if (r.ended_by == ended_by::fallback)
        return "The fallback " + quoted(r.policy) + " answered in place of the operation" +
               after(r.attempts) + '.';
    return "The operation succeeded" + after(r.attempts) + '.';
}

std::string explain(earlier_attempt const& a)
{
    switch (a.ended_by) {
    case ended_by::timeout: return "A timeout passed";
    case ended_by::rejection: return "A policy refused the call" + with_what(a.why);
    case ended_by::fallback: return "A fallback failed" + with_what(a.why);
    default: break;
    }
    if (a.why.code || a.why.exception) return "The operation failed" + with_what(a.why);
    return a.verdict == verdict::success ? "The operation succeeded" : "The operation's value was a failure";
}

} // namespace keel

namespace keel::detail {
namespace {

struct plain_ends
{
    failure no_failure{};
    call_report nothing{};
    call_report success{.attempts = 1};
    call_report retry_success{.attempts = 1, .stopped = retry_stop::success};
};

/// They are never destroyed, for an outcome may be looked at while the program ends.
plain_ends const& all() noexcept
{
    union lasting
    {
        lasting() : ends{} {}
        ~lasting() {}
        plain_ends ends;
    };
    static lasting const for_good;
    return for_good.ends;
}

} // namespace

call_report const& plain_report(plain_end end) noexcept
{
    if (end == plain_end::none) return all().nothing;
    return end == plain_end::success ? all().success : all().retry_success;
}

failure const& no_failure() noexcept { return all().no_failure; }

} // namespace keel::detail
