#include <keel/core/error.hpp>

namespace keel {
namespace {

char const* text(errc e) noexcept
{
    switch (e) {
    case errc::timed_out: return "the time limit passed before the operation gave a result";
    case errc::circuit_open: return "the circuit breaker is open";
    case errc::circuit_half_open: return "the circuit breaker is half-open and its trial permits are taken";
    case errc::circuit_forced_open: return "the circuit breaker has been forced open";
    case errc::bulkhead_full: return "the bulkhead has no room for the call";
    case errc::bulkhead_wait_expired: return "the call waited too long in the bulkhead's queue";
    case errc::rate_limited: return "the rate limit is reached";
    case errc::unknown_name: return "no policy of that name is registered";
    case errc::fallback_type_mismatch:
        return "the fallback has no alternative of the operation's result type";
    case errc::operation_not_owned: return "an operation that may outlive its call must own what it uses";
    case errc::queue_full: return "the queue of the limited executor is full";
    case errc::registry_full: return "everything that the registry may hold is in use";
    case errc::shutting_down: return "the program is being stopped";
    }
    return "unknown keel error";
}

bool is_rejected(errc e) noexcept
{
    switch (e) {
    case errc::circuit_open:
    case errc::circuit_half_open:
    case errc::circuit_forced_open:
    case errc::bulkhead_full:
    case errc::bulkhead_wait_expired:
    case errc::rate_limited:
    case errc::unknown_name:
    case errc::fallback_type_mismatch:
    case errc::operation_not_owned:
    case errc::queue_full:
    case errc::registry_full: return true;
    case errc::shutting_down:
    case errc::timed_out: return false;
    }
    return false;
}

bool is_mistake(errc e) noexcept
{
    return e == errc::unknown_name || e == errc::fallback_type_mismatch || e == errc::operation_not_owned;
}

struct category final : boost::system::error_category
{
    char const* name() const noexcept override { return "keel"; }
    std::string message(int value) const override { return text(static_cast<errc>(value)); }

    bool equivalent(int value, error_condition const& group) const noexcept override;
};

struct condition_category final : boost::system::error_category
{
    char const* name() const noexcept override { return "keel.condition"; }

    std::string message(int value) const override
    {
        switch (static_cast<condition>(value)) {
        case condition::rejected: return "the call was refused before it ran";
        case condition::timed_out: return "a time limit passed";
        case condition::transient: return "the same call may succeed later";
        }
        return "unknown keel condition";
    }
};

error_condition make(condition c) noexcept
{
    static condition_category const instance;
    return {static_cast<int>(c), instance};
}

bool category::equivalent(int value, error_condition const& group) const noexcept
{
    auto const e = static_cast<errc>(value);
    if (group == make(condition::rejected)) return is_rejected(e);
    if (group == make(condition::timed_out)) return e == errc::timed_out;
    if (group == make(condition::transient))
        return e == errc::timed_out || (is_rejected(e) && !is_mistake(e));
    return group.category() == *this && group.value() == value;
}

} // namespace

boost::system::error_category const& keel_category() noexcept
{
    static category const instance;
    return instance;
}

error_code make_error_code(errc e) noexcept { return {static_cast<int>(e), keel_category()}; }
error_condition make_error_condition(condition c) noexcept { return make(c); }

} // namespace keel
