#pragma once

#include <keel/core/admission.hpp>
#include <keel/core/option_faults.hpp>
#include <keel/core/time.hpp>
#include <keel/policy/parts/gcra.hpp>
#include <keel/policy/parts/token_bucket.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

// A rate limiter protects a dependency, or a quota, from more calls per second than it allows. Over any
// interval of length t it lets in at most `burst + t * permits / per` calls.
//
// It does not bound how many calls run at once (`bulkhead` does): a thousand slow calls may be in flight. It
// does not adapt to what the dependency can bear.

namespace keel {

/// Two ways to keep the same promise. Where `per / permits` is a whole number of nanoseconds they admit
/// exactly the same calls.
enum class rate_algorithm : std::uint8_t
{
    /// Counts tokens, exactly for every rate. May start with fewer than `burst`.
    token_bucket,
    /// One timestamp, by the generic cell rate algorithm (ITU-T I.371, virtual scheduling). The time per call
    /// is rounded up to a nanosecond: it may admit fewer calls than asked for, never more.
    gcra,
};

struct rate_limiter_options
{
    /// Shown in events and outcomes.
    std::string name = "rate_limiter";

    /// How many calls may start in each `per`, in the long run. 1 to 4 294 967 295, at most one per
    /// nanosecond.
    std::uint32_t permits = 100;

    /// The period `permits` is meant for. Above 0, up to 24 h.
    duration per = std::chrono::seconds(1);

    /// How many calls may start at once after a quiet time. At least 1, and no more than arrive in 145 years.
    /// `nullopt`: as many as `permits`.
    std::optional<std::uint32_t> burst = std::nullopt;

    /// How long a call may wait for its permit. A call that would wait longer is refused at once. 0: never
    /// waits. Not negative.
    duration max_wait = duration::zero();

    /// How it keeps count.
    rate_algorithm algorithm = rate_algorithm::token_bucket;

    /// Tokens when the limiter is first used; more than `burst` counts as `burst`. `nullopt`: full. For
    /// `token_bucket` only: with `gcra` it must be `nullopt`.
    std::optional<std::uint32_t> initial = std::nullopt;
};

/// Every option out of range. Empty when the options can be used.
option_faults validate(rate_limiter_options const&);

struct rate_limiter_snapshot
{
    /// Calls that could start now. Negative: reserved by calls that are waiting.
    std::int64_t available = 0;
    std::uint32_t burst = 0; ///< The most there can be.
};

namespace policy {

/// The limiter's decisions: a plain value, told the time. Not thread-safe.
class rate_limiter
{
public:
    /// \throws invalid_options
    explicit rate_limiter(rate_limiter_options);

    /// Fills begin at `now` and not at time 0. Call it before anything else, or not at all.
    void start(time_point now);

    /// May a call of `weight` start? Granted, reserved for a later time within `max_wait`, or refused with
    /// `errc::rate_limited` and the time at which it could start; none if it weighs more than `burst`.
    /// Refusing spends nothing.
    admission admit(time_point now, std::uint32_t weight, duration max_wait);

    /// The same for the usual call, which waits for nothing and need not. Nothing, and nothing spent: it must
    /// ask `admit`.
    std::optional<grant> admit_at_once(time_point now, std::uint32_t weight)
    {
        auto* const bucket = std::get_if<token_bucket>(&meter_);
        if (!(bucket ? bucket->take_now(weight, now) : std::get_if<gcra>(&meter_)->take_now(weight, now)))
            return std::nullopt;
        return grant{++newest_, now, weight};
    }

    /// A reservation will not be used. Its tokens go back as soon as no reservation that is later than it is
    /// still waited for: those keep their times, so until then nobody could start any earlier without
    /// exceeding the rate, or overtaking. If the time of one that others are behind comes first, they are
    /// lost.
    void withdraw(grant, time_point now);

    rate_limiter_options const& options() const noexcept { return options_; }
    rate_limiter_snapshot snapshot(time_point now) const;

private:
    std::variant<token_bucket, gcra> make_meter() const;
    void give_back(grant const&, time_point now);

    rate_limiter_options options_;
    std::variant<token_bucket, gcra> meter_;
    std::uint64_t newest_ = 0;       ///< The number of the latest permit that has not been given back.
    std::vector<grant> withdrawn_{}; ///< Reservations with others behind them, in the order of their times.
};

} // namespace policy
} // namespace keel
