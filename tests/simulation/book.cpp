#include "book.hpp"

#include "known.hpp"
#include "plenty.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>

namespace keel::simulated {
namespace {

bool is_refusal(error_code const& e, kind of)
{
    switch (of) {
    case kind::circuit_breaker:
        return e == errc::circuit_open || e == errc::circuit_half_open || e == errc::circuit_forced_open;
    case kind::bulkhead:
        return e == errc::bulkhead_full || e == errc::bulkhead_wait_expired || e == errc::queue_full;
    case kind::rate_limiter: return e == errc::rate_limited;
    case kind::users_gate: return e == errc::bulkhead_full || e == errc::bulkhead_wait_expired;
    case kind::users_loop: return e == errc::rate_limited;
    default: return false;
    }
}

bool is_of(error_code const& e, std::uint32_t call)
{
    return is_simulated(e) && ticket::unpack(e.value()).call == call;
}

} // namespace

manner draw_manner(stream& random)
{
    manner how;
    how.carries_error = random.one_in(3);
    how.by_outcome = !random.one_in(5);
    how.accepts_partial = random.one_in(3);
    how.in_scope = random.one_in(2);
    if (how.in_scope && random.one_in(4)) how.scope_limit = random.milliseconds(0, 60);
    if (random.one_in(4)) {
        if (random.one_in(2)) how.limit = random.milliseconds(0, 60);
        how.no_retry = random.one_in(3);
        how.weight = random.between(1, 3);
    }
    return how;
}

pipeline book::through(std::uint16_t stack) const
{
    auto const kept = family ? family->try_get(std::to_string(stack), now()) : std::nullopt;
    return kept ? *kept : *stacks[stack].made;
}

call_record& book::open_call(std::uint16_t stack, std::uint64_t seed)
{
    auto& record = calls.emplace_back();
    record.stack = stack;
    record.seed = seed;
    return record;
}

void book::complain(std::uint32_t call, std::string const& what)
{
    auto const& record = calls[call];
    complain("call " + std::to_string(call) + " through stack " + std::to_string(record.stack) + ": " + what);
}

void book::complain(std::string const& what)
{
    plenty const memory;
    complaints_.push_back(what);
    log_->note("COMPLAINT", now()).add("what", what).end();
}

void book::require_ended(call_record const& record, std::uint32_t call)
{
    if (record.running == 0 || stacks[record.stack].may_abandon()) return;
    complain(call, "returned while its operation was running");
}

// --- the operation ----------------------------------------------------------------------------------------

std::uint32_t book::operation_called(std::uint32_t call)
{
    plenty const memory;
    auto& record = calls[call];
    auto const& through = stacks[record.stack];
    check_gates_at_start(through, call);
    require(record.reports == 0, call, "its operation was started after the call had ended");
    require(record.started < (record.how.no_retry ? 1 : through.most_attempts()), call,
            "more attempts than the retries allow");
    return record.started++;
}

void book::operation_begins(std::uint32_t call)
{
    plenty const memory;
    auto& record = calls[call];
    ++record.running;
    auto const& parts = stacks[record.stack].parts;
    // A timeout may leave an operation behind, whose permits of the bulkheads further out are free again.
    for (auto i = parts.size(); i-- > 0 && !parts[i].grace;) {
        if (parts[i].what != kind::bulkhead) continue;
        auto& running = passages_[parts[i].name].running;
        running += record.how.weight;
        require(running <= parts[i].concurrent, call, "more operations at once than the bulkhead allows");
    }
}

void book::operation_is_gone(std::uint32_t call)
{
    auto& record = calls[call];
    --record.running;
    auto const& parts = stacks[record.stack].parts;
    for (auto i = parts.size(); i-- > 0 && !parts[i].grace;)
        if (parts[i].what == kind::bulkhead) passages_[parts[i].name].running -= record.how.weight;
}

void book::operation_gave(std::uint32_t call, ticket t)
{
    auto& record = calls[call];
    auto const& through = stacks[record.stack];
    auto const has_judges = through.find("values") || through.judges();
    auto const is_judged = !record.how.carries_error && has_judges && t.end != ending::value;
    if (is_judged || record.gave) return;
    record.gave = t.pack();
    record.gave_at = now();
}

void book::check_gates_at_start(stack const& s, std::uint32_t call)
{
    for (std::size_t i = 0; i < s.parts.size(); ++i) {
        auto const& p = s.parts[i];
        if (!p.handle || !s.straight_inside(i)) continue;
        if (p.what == kind::rate_limiter) check_rate(p, call);
        if (p.what != kind::circuit_breaker) continue;
        auto const state = breaker_in(*p.handle)->state();
        require(state == circuit_state::closed || state == circuit_state::half_open, call,
                "its operation was started behind an open circuit");
    }
}

/// One call more than the burst needs at least the time in which one permit arrives. The times themselves are
/// rounded up to a nanosecond, and so may be that much closer.
void book::check_rate(part const& p, std::uint32_t call)
{
    auto& starts = passages_[p.name].starts;
    for (auto unit = 0U; unit < calls[call].how.weight; ++unit) {
        starts.push_back(now());
        if (starts.size() <= *p.rate.burst) continue;
        auto const took = starts.back() - starts.front();
        starts.pop_front();
        require((took.count() + 1) * p.rate.permits > p.rate.per.count(), call,
                "more calls in an interval than the rate limiter allows");
    }
}

// --- the caller -------------------------------------------------------------------------------------------

void book::cancel(std::uint32_t call, asio::cancellation_type type)
{
    auto& record = calls[call];
    if (!record.awaiting || record.ends > 0) return;
    auto const accepted = record.how.accepts_partial || type == asio::cancellation_type::terminal;
    // Asio 1.26 forgets a cancellation over a later one that the coroutine does not let through.
    if (!accepted && record.cancelled) return;
    if (accepted && !record.cancelled && record.reports == 0) {
        record.cancelled = true;
        record.cancelled_at = now();
        record.started_when_cancelled = record.started;
    }
    record.signal->emit(type);
}

void book::call_reported(std::uint32_t call, seen_end const& seen)
{
    auto& record = calls[call];
    auto const& through = stacks[record.stack];
    ++record.reports;
    record.end = seen;
    log_->note("call", now()).add("number", call).add("by", to_string(seen.by));
    log_->add("verdict", to_string(seen.verdict)).add("attempts", seen.attempts);
    log_->add("stopped", to_string(seen.stopped)).add("policy", seen.policy).add("error", seen.error);
    log_->add("threw", seen.threw ? 1 : 0).add("value", seen.value.value_or(-100)).end();

    require(record.reports == 1, call, "ended twice");
    require_ended(record, call);
    auto const all_began = seen.attempts == record.started;
    require(all_began || (through.sends() && seen.attempts > record.started &&
                          seen.attempts <= through.most_attempts()),
            call, // or waited for a lane in vain
            "counts other attempts than were made");
    check_earlier(call, seen);
    check_who_ended(record, through, call, seen);
    check_result_kept(record, through, call, seen);
    check_in_time(record, through, call);
}

void book::call_returned(std::uint32_t call, std::optional<std::int64_t> value, std::exception_ptr thrown)
{
    auto& record = calls[call];
    auto const& through = stacks[record.stack];
    ++record.reports;
    error_code error;
    try {
        if (thrown) std::rethrow_exception(thrown);
    } catch (boost::system::system_error const& e) {
        error = e.code();
    } catch (...) { // the user's mistake, or the operation's text: it has no code
    }
    log_->note("plain_call", now()).add("number", call).add("error", error);
    log_->add("threw", thrown ? 1 : 0).add("value", value.value_or(-100)).end();

    require(record.reports == 1, call, "ended twice");
    require(value.has_value() != (thrown != nullptr), call, "gives neither a value nor an error");
    require_ended(record, call);
    if (value && *value >= 0)
        require(ticket::unpack(*value).call == call, call, "returned the value of another call");
    if (is_simulated(error)) require(is_of(error, call), call, "threw the error of another call");
    check_in_time(record, through, call);
    if (gave_in_time(record, through)) require(value == record.gave, call, "lost a result");
}

void book::call_ended(std::uint32_t call, std::exception_ptr thrown)
{
    auto& record = calls[call];
    ++record.ends;
    record.ended_at = now();
    require(record.ends == 1, call, "its coroutine ended twice");
    require_ended(record, call);
    require(record.cancelled || record.is_inner || (!thrown && record.reports == 1), call,
            "its coroutine ended without a result, though it was not cancelled");
}

// --- ends -------------------------------------------------------------------------------------------------

void book::check_earlier(std::uint32_t call, seen_end const& seen)
{
    std::uint32_t attempts = 0;
    time_point ended{};
    for (auto const& attempt : seen.earlier) {
        auto const& error = attempt.why.code;
        require(!is_simulated(error) || is_of(error, call), call, "lists the error of another call");
        require(attempt.ended >= ended && attempt.ended <= now(), call, "lists attempts out of order");
        auto const runs = attempt.attempts - attempts;
        require(attempt.ended_by == ended_by::operation ? runs == 1 : runs <= 1, call,
                "lists an attempt twice, or not");
        ended = attempt.ended;
        attempts = attempt.attempts;
    }
    require(attempts <= seen.attempts && attempts + 1 >= seen.attempts, call,
            "lists other attempts than were made");
    require(seen.by != ended_by::operation || attempts + 1 == seen.attempts, call,
            "lists its last attempt, too");
}

void book::check_result_kept(call_record const& record, stack const& s, std::uint32_t call,
                             seen_end const& seen)
{
    if (!gave_in_time(record, s)) return;
    require(seen.ok && seen.by == ended_by::operation && seen.value == record.gave, call, "lost a result");
}

/// An attempt has succeeded, and could not have been abandoned by then: what an orphan returns is nobody's.
bool book::gave_in_time(call_record const& record, stack const& s) const
{
    if (!record.gave || !s.may_abandon()) return record.gave.has_value();
    return record.gave_at - record.began < *s.shortest_limit() &&
           (!record.deadline || record.gave_at < *record.deadline);
}

void book::check_who_ended(call_record const& record, stack const& s, std::uint32_t call,
                           seen_end const& seen)
{
    auto const* const policy = s.find(seen.policy);
    auto const aborted = seen.error == asio::error::operation_aborted;
    require(!seen.ok || (seen.value && !seen.error && !seen.threw), call, "is ok without a value");
    switch (seen.by) {
    case ended_by::operation:
        require(record.started > 0, call, "was ended by an operation that never ran");
        require(seen.policy.empty(), call, "was ended by its operation and by a policy");
        if (seen.value && *seen.value != -1)
            require(*seen.value >= 0 && ticket::unpack(*seen.value).call == call, call,
                    "was ended by the value of another call");
        if (seen.error)
            require(is_of(seen.error, call) || (aborted && record.hid), call,
                    "was ended by an error that is not its operation's");
        require(seen.value || seen.error || seen.threw, call, "was ended by nothing at all");
        break;
    case ended_by::timeout:
        require(seen.error == errc::timed_out && !seen.value && !seen.threw, call,
                "timed out without saying so");
        require(policy && policy->limit, call, "was ended by a timeout that does not exist");
        if (policy && policy->limit)
            require(now() - record.began >= *policy->limit, call, "timed out too early");
        break;
    case ended_by::deadline:
        require(seen.error == errc::timed_out && !seen.value && !seen.threw, call,
                "was ended by a deadline without saying so");
        require(record.deadline && now() >= *record.deadline, call, "was ended by a deadline before it");
        require(seen.policy.empty(), call, "was ended by a deadline and by a policy");
        break;
    case ended_by::rejection:
        require(policy && is_refusal(seen.error, policy->what), call, "was refused by nobody");
        require(!seen.value && !seen.threw, call, "was refused and has a result");
        require(s.has(kind::retry) || s.has(kind::users_loop) || record.started == 0, call,
                "was refused, but its operation was started");
        break;
    case ended_by::fallback:
        require(policy && policy->what == kind::fallback, call, "was answered by no fallback");
        require(!seen.value || *seen.value < 0, call, "was answered by its own operation");
        break;
    case ended_by::caller:
        require(record.cancelled || record.is_inner, call, "was ended by a caller who did not cancel");
        require(aborted || is_of(seen.error, call) || seen.threw || seen.value, call,
                "was cancelled, and has another's error");
        require(seen.verdict == verdict::ignored, call, "was cancelled, and counts as something");
        break;
    case ended_by::shutdown: require(false, call, "was ended by a stop that nobody asked for"); break;
    case ended_by::predicate:
        require(seen.threw && !seen.value, call, "was ended by a predicate that did not throw");
        break;
    }
}

/// Limits that a call reaches at its beginning hold for all of it, unless a fallback outside takes its time.
void book::check_in_time(call_record const& record, stack const& s, std::uint32_t call)
{
    if (record.deadline) {
        auto patience = longest_unwinding;
        for (auto const& p : s.parts) patience = std::max(patience, p.grace.value_or(patience));
        require(now() <= saturating_add(std::max(*record.deadline, record.began), patience), call,
                "ended later than its deadline allows");
    }
    for (std::size_t i = 0; i < s.reached_at_once(); ++i) {
        auto const& p = s.parts[i];
        if (p.what == kind::fallback) return;
        if (!p.limit) continue;
        auto const patience = p.grace.value_or(longest_unwinding);
        auto const most = *p.limit + patience;
        require(now() - record.began <= most, call, "ended later than its limit allows");
    }
}

// --- events -----------------------------------------------------------------------------------------------

void book::happened(telemetry::event const& e)
{
    if (auto const* const pause = std::get_if<telemetry::retry_scheduled>(&e)) check_pause(*pause);
}

/// The errors of operations tell whose pause it is.
void book::check_pause(telemetry::retry_scheduled const& e)
{
    if (!is_simulated(e.error)) return;
    auto const call = ticket::unpack(e.error.value()).call;
    auto const& record = calls[call];
    auto const& s = stacks[record.stack];
    auto const ends = e.by.at + e.pause;
    require(!record.deadline || ends < *record.deadline, call,
            "pauses beyond the deadline of its surroundings");
    for (std::size_t i = 0; i < s.reached_at_once(); ++i)
        if (auto const limit = s.parts[i].limit)
            require(ends < record.began + *limit, call, "pauses beyond its deadline");
}

} // namespace keel::simulated
