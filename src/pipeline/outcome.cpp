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
    case retry_stop::deadline: return "the deadline left no time for another attempt";
    case retry_stop::hint_too_long: return "the server asked for a longer pause than is accepted";
    case retry_stop::budget: return "the retry budget was spent";
    case retry_stop::no_retry: return "the caller wanted no retries";
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

std::string what_happened(failure const& why, ended_by by, std::string_view policy)
{
    switch (by) {
    case ended_by::operation: return "The operation failed" + with_what(why);
    case ended_by::timeout: return "The timeout " + quoted(policy) + " passed";
    case ended_by::deadline: return "The deadline that the call was given or inherited passed";
    case ended_by::rejection:
        return (policy.empty() ? "The pipeline" : "The policy " + quoted(policy)) + " refused the call" +
               with_what(why);
    case ended_by::fallback: return "The fallback " + quoted(policy) + " failed" + with_what(why);
    case ended_by::caller: return "The caller cancelled the call";
    case ended_by::shutdown: return "The context was being stopped";
    case ended_by::predicate: return "A function given to the pipeline failed" + with_what(why);
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
    if (!ok) return what_happened(why, r.ended_by, r.policy) + after(r.attempts) + not_again(r) + '.';
    if (r.ended_by == ended_by::fallback)
        return "The fallback " + quoted(r.policy) + " answered in place of the operation" +
               after(r.attempts) + '.';
    return "The operation succeeded" + after(r.attempts) + '.';
}

std::string explain(earlier_attempt const& a)
{
    auto const failed = a.why.code || a.why.exception || a.verdict != verdict::success;
    return a.ended_by == ended_by::operation && !failed ? "The operation succeeded"
                                                        : what_happened(a.why, a.ended_by, a.policy);
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
