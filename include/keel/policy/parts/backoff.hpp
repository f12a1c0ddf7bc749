#pragma once

#include <keel/core/chance.hpp>
#include <keel/core/option_faults.hpp>
#include <keel/core/time.hpp>
#include <keel/policy/parts/exact.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>
#include <variant>

namespace keel {

/// How chance spreads a delay v, so that clients that failed together do not return together.
///
/// u is a uniform draw from [0, 1). "Full", "equal" and "decorrelated" are the forms published in the AWS
/// Architecture Blog, "Exponential Backoff And Jitter" (2015). No form ever exceeds the cap.
enum class jitter : std::uint8_t
{
    none,         ///< v
    full,         ///< u * v
    equal,        ///< v/2 + u * v/2
    plus_minus,   ///< v * (1 - spread + 2 * spread * u)
    decorrelated, ///< min(cap, base + u * (3 * previous - base)); previous starts as base
};

/// The same delay before every retry.
struct constant
{
    duration base = std::chrono::milliseconds(100); ///< Not negative.
    duration cap = duration::max();                 ///< No delay is longer. Not negative.
    keel::jitter jitter = keel::jitter::none;
    double spread = 0.2; ///< For `plus_minus`: 0 to 1.
};

/// `base * k` before retry k.
struct linear
{
    duration base = std::chrono::milliseconds(100); ///< Not negative.
    duration cap = std::chrono::seconds(20);        ///< No delay is longer. Not negative.
    keel::jitter jitter = keel::jitter::full;
    double spread = 0.2; ///< For `plus_minus`: 0 to 1.
};

/// `base * multiplier^(k-1)` before retry k.
struct exponential
{
    duration base = std::chrono::milliseconds(50); ///< Not negative.
    double multiplier = 2.0;                       ///< 1 to 100, to nine decimals.
    duration cap = std::chrono::seconds(20);       ///< No delay is longer. Not negative.
    keel::jitter jitter = keel::jitter::full;
    double spread = 0.2; ///< For `plus_minus`: 0 to 1.
};

/// What the user's function says for retry k (1 is the first). A negative answer counts as zero.
struct custom
{
    std::function<duration(std::uint32_t retry)> delay{}; ///< Must not be empty.
    duration cap = duration::max();                       ///< No delay is longer. Not negative.
    keel::jitter jitter = keel::jitter::none; ///< Any but `decorrelated`, which has a law of its own.
    double spread = 0.2;                      ///< For `plus_minus`: 0 to 1.
};

/// How long to wait before each retry.
using backoff = std::variant<exponential, linear, constant, custom>;

/// Every option out of range. Empty when the options can be used.
option_faults validate(backoff const&);
/// The name of the enumerator.
std::string_view to_string(jitter) noexcept;

namespace policy {

/// The delays of one call, in order. Exact to the nanosecond: see `exact_duration`.
class backoff_sequence
{
public:
    /// \param law must outlive the sequence.
    explicit backoff_sequence(backoff const& law) noexcept : law_(&law) {}

    /// The delay before retry number `retry` (1 is the first). Costs one step per retry since the last call.
    /// Throws what a custom function throws.
    duration next(std::uint32_t retry, chance u);

private:
    exact_duration raw(std::uint32_t retry);
    exact_duration decorrelated(exact_duration base, exact_duration cap, chance u);

    backoff const* law_;
    std::uint32_t reached_ = 0; ///< The retry `value_` belongs to; 0: none yet.
    exact_duration value_{};    ///< Exponential: the raw value. Decorrelated: the previous draw.
};

} // namespace policy
} // namespace keel
