#pragma once

#include <keel/core/admission.hpp>
#include <keel/core/option_faults.hpp>
#include <keel/core/time.hpp>
#include <keel/core/verdict.hpp>
#include <keel/policy/circuit_breaker.hpp>
#include <keel/policy/parts/window.hpp>
#include <keel/policy/retry.hpp>
#include <keel/policy/timeout.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <ostream>
#include <ratio>

// How values look in the message of a failed test. For tests only: the library has no stream operators.

// gtest 1.12 shows std::chrono values as bytes, and a PrintTo for them would have to stand in std::chrono.
template <class Rep, class Period>
class testing::internal::UniversalPrinter<std::chrono::duration<Rep, Period>>
{
public:
    // NOLINTNEXTLINE(readability-identifier-naming): gtest's name
    static void Print(std::chrono::duration<Rep, Period> value, std::ostream* out)
    {
        *out << std::chrono::nanoseconds(value).count() << "ns";
    }
};

template <class Clock, class Duration>
class testing::internal::UniversalPrinter<std::chrono::time_point<Clock, Duration>>
{
public:
    // NOLINTNEXTLINE(readability-identifier-naming): gtest's name
    static void Print(std::chrono::time_point<Clock, Duration> value, std::ostream* out)
    {
        *out << "0 + ";
        UniversalPrinter<Duration>::Print(value.time_since_epoch(), out);
    }
};

namespace keel {

inline std::ostream& operator<<(std::ostream& out, verdict v) { return out << to_string(v); }

inline std::ostream& operator<<(std::ostream& out, errc e) { return out << make_error_code(e).message(); }

inline std::ostream& operator<<(std::ostream& out, option_fault const& fault)
{
    return out << fault.field << " is " << fault.found << ", allowed is " << fault.allowed;
}

inline std::ostream& operator<<(std::ostream& out, grant const& pass)
{
    return out << "{generation " << pass.generation << ", at " << pass.at.time_since_epoch().count()
               << "ns, weight " << pass.weight << '}';
}

inline std::ostream& operator<<(std::ostream& out, admission::kind what)
{
    switch (what) {
    case admission::kind::granted: return out << "granted";
    case admission::kind::wait_until: return out << "wait_until";
    case admission::kind::wait_turn: return out << "wait_turn";
    case admission::kind::refused: return out << "refused";
    }
    return out << "unknown";
}

inline std::ostream& operator<<(std::ostream& out, admission const& a)
{
    out << a.what;
    if (a.what == admission::kind::refused)
        out << ": " << a.why;
    else
        out << ' ' << a.pass;
    if (a.at) out << ", at " << a.at->time_since_epoch().count() << "ns";
    return out;
}

inline std::ostream& operator<<(std::ostream& out, circuit_state s) { return out << to_string(s); }

inline std::ostream& operator<<(std::ostream& out, jitter j) { return out << to_string(j); }

inline std::ostream& operator<<(std::ostream& out, retry_stop s) { return out << to_string(s); }

namespace policy {

inline std::ostream& operator<<(std::ostream& out, tally const& t)
{
    return out << "{total " << t.total << ", failed " << t.failed << ", slow " << t.slow << '}';
}

inline std::ostream& operator<<(std::ostream& out, retry_after const& next)
{
    return out << "retry after " << next.pause.count() << "ns";
}

inline std::ostream& operator<<(std::ostream& out, give_up const& end)
{
    return out << "give up: " << end.why;
}

inline std::ostream& operator<<(std::ostream& out, await_operation const&)
{
    return out << "await the operation";
}

inline std::ostream& operator<<(std::ostream& out, await_until const& wait)
{
    return out << "await until " << wait.at.time_since_epoch().count() << "ns";
}

inline std::ostream& operator<<(std::ostream& out, abandon_operation const&)
{
    return out << "abandon the operation";
}

} // namespace policy
} // namespace keel
