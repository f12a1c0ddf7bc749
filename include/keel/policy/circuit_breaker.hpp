#pragma once

#include <keel/core/admission.hpp>
#include <keel/core/failure.hpp>
#include <keel/core/option_faults.hpp>
#include <keel/core/time.hpp>
#include <keel/core/verdict.hpp>
#include <keel/policy/parts/exact.hpp>
#include <keel/policy/parts/window.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// A circuit breaker protects a failing dependency from calls it cannot serve, and its callers from waiting
// for answers that will not come. It watches outcomes; when too many are bad it opens and refuses every call
// for a while; then it lets a few trial calls through (half-open) and closes or opens again by their
// outcomes.
//
// It does not cut slow calls short (`timeout` does), does not limit how many run at once (`bulkhead` does),
// and does not repeat anything (`retry` does).

namespace keel {

enum class circuit_state : std::uint8_t
{
    closed,     ///< Calls go in, and their outcomes are counted.
    open,       ///< Calls are refused with `errc::circuit_open`, until one comes after the open period.
    half_open,  ///< Trial calls go in; the others are refused with `errc::circuit_half_open`.
    forced_open ///< Calls are refused with `errc::circuit_forced_open`, until `force_close`.
};

/// The name of the enumerator.
std::string_view to_string(circuit_state) noexcept;

/// The breaker went from one state to another.
struct circuit_transition
{
    circuit_state from = circuit_state::closed;
    circuit_state to = circuit_state::closed;
    time_point at{};        ///< By the clock of the call that caused it; of a forced one, as given.
    std::string_view key{}; ///< Which breaker of a registry. Valid while it is told. Empty outside of one.
};

/// Judge by the outcomes of the last `size` of time, in `buckets` slices.
struct time_window
{
    duration size = std::chrono::seconds(10); ///< Above 0, and at least a nanosecond for each bucket.
    std::size_t buckets = 10; ///< 1 to 1000. More follow time more smoothly and cost 24 bytes each.
};

/// Judge by the last `size` outcomes, however old.
struct count_window
{
    std::size_t size = 100; ///< 1 to 1 000 000.
};

/// Open at the `failures`-th failure in a row. Ratios and `min_calls` play no part.
struct consecutive_window
{
    std::size_t failures = 5; ///< At least 1.
};

struct circuit_breaker_options
{
    /// Shown in events and outcomes.
    std::string name = "circuit_breaker";

    /// Which outcomes are looked at.
    std::variant<time_window, count_window, consecutive_window> window = time_window{};

    /// The window must hold at least this many outcomes before a ratio can open the circuit. At least 1. In a
    /// count window it is cut to the window's size.
    std::size_t min_calls = 20;

    /// Opens when `failed / total` is at or above this. Above 0, up to 1. `nullopt`: failures do not open;
    /// then `slow_ratio` is needed, or a consecutive window.
    std::optional<double> failure_ratio = 0.5;

    /// A call that takes longer than this is slow, whether it succeeds or fails. Not negative. Default: off.
    std::optional<duration> slow_call = std::nullopt;

    /// Opens when `slow / total` is at or above this. Above 0, up to 1. Needs `slow_call`, and a window of
    /// another kind than consecutive. Default: off.
    std::optional<double> slow_ratio = std::nullopt;

    /// How long the circuit stays open before trial calls are let in. Above 0.
    duration open_for = std::chrono::seconds(5);

    /// Each opening since the circuit was last closed stays open this many times as long as the one before.
    /// 1 (always `open_for`) to 100.
    double open_multiplier = 2.0;

    /// The longest open period; shorter than `open_for` counts as `open_for`. Above 0. `nullopt`: no limit.
    std::optional<duration> open_max = std::chrono::seconds(60);

    /// How many trial calls decide whether a half-open circuit closes. At least 1. When all have ended they
    /// are judged by the ratios above, without `min_calls`. In a consecutive window the first failure opens.
    std::size_t half_open_permits = 3;

    /// A circuit that has been half-open for this long opens again at the next call, so that trials which
    /// never end cannot keep it half-open. Much longer than `half_open_permits` calls usually take to arrive
    /// and end, or a target that is well but seldom called stays open. Above 0. `nullopt`: no limit.
    std::optional<duration> half_open_max = std::chrono::minutes(5);

    /// Asked about each failure (and throttling) before it is counted: does it speak against the dependency?
    /// False makes it *ignored*. If it throws, the failure is counted and the call ends with what it threw.
    /// Default: all do.
    std::function<bool(failure const&)> failure_if{};

    /// Told of every state change, on the thread that caused it, outside the breaker's lock; changes made by
    /// several threads may be told out of order. What it throws is dropped. Must not own a pipeline that
    /// holds the breaker.
    std::function<void(circuit_transition const&)> on_transition{};
};

/// Every option out of range. Empty when the options can be used.
option_faults validate(circuit_breaker_options const&);

struct circuit_breaker_snapshot
{
    circuit_state state = circuit_state::closed;
    /// Closed: the window. Half-open: the trial calls. Open, forced or not: zero.
    policy::tally window{};
    /// Failures in a row, for a consecutive window while closed.
    std::size_t consecutive_failures = 0;
    /// Trial calls in flight, while half-open.
    std::size_t trials_in_flight = 0;
    /// When an open circuit lets trial calls in.
    std::optional<time_point> opens_until{};
    /// Grows with every state change.
    std::uint64_t generation = 0;
};

namespace policy {

/// What the options come to, worked out once and shared by every circuit that goes by them. Immutable.
class circuit_rules
{
public:
    /// \throws invalid_options
    explicit circuit_rules(circuit_breaker_options);

    circuit_breaker_options const& options() const noexcept { return options_; }

    /// How many words of memory each circuit needs besides `circuit`.
    std::size_t words() const noexcept { return words_; }

    /// Whether the time is of no matter while the circuit is closed: neither the window nor what counts as
    /// slow depends on it. Then only the call that opens the circuit must tell the time.
    bool is_timeless() const noexcept { return timeless_; }

private:
    friend class circuit_view;
    friend class circuit_control;

    bool is_consecutive() const noexcept { return std::holds_alternative<failure_run>(window_); }
    bool too_many(tally const&) const noexcept;
    bool over_a_limit(tally const&) const noexcept;
    duration open_period(std::uint32_t earlier_openings) const noexcept;

    circuit_breaker_options options_;
    std::variant<bucket_ring, outcome_ring, failure_run> window_;
    std::size_t words_;
    std::uint64_t failure_limit_; ///< In billionths; above a billion is "off".
    std::uint64_t slow_limit_;
    std::size_t needed_calls_;
    std::uint32_t trials_; ///< How many decide.
    bool timeless_;
};

/// What tells one circuit from another that goes by the same rules, but for the words of its window. Small,
/// because it is kept by the hundred thousand.
struct circuit
{
    std::uint64_t generation = 1;
    time_point mark{};          ///< Open: until when. Half-open: since when.
    std::uint16_t openings = 0; ///< Since it was last closed. 65 535 stands for all that are more.
    circuit_state state = circuit_state::closed;

    std::optional<time_point> opens_until() const noexcept
    {
        return state == circuit_state::open ? std::optional(mark) : std::nullopt;
    }
};

/// Looks at a circuit, and changes nothing.
class circuit_view
{
public:
    circuit_view(circuit_rules const& r, circuit const& c, word const* window) noexcept
        : rules_(r),
          circuit_(c),
          window_(window)
    {}

    /// Whether the next success cannot open the circuit, nor decide a trial.
    bool is_safe_from_success() const noexcept;
    /// Whether the next success, unless it is slow, would leave everything as it is: the circuit is closed,
    /// and the window full of successes, or nothing in a row has failed.
    bool is_unmoved_by_success() const noexcept;

    circuit_breaker_snapshot snapshot(time_point now) const;

private:
    circuit_rules const& rules_;
    circuit const& circuit_;
    word const* window_;
};

/// Decides for one circuit, by its rules. It keeps nothing itself: one is made for each decision.
class circuit_control
{
public:
    /// `window`: `rules.words()` words that belong to the circuit; zero when it is new.
    circuit_control(circuit_rules const& r, circuit& c, word* window) noexcept
        : rules_(r),
          circuit_(c),
          window_(window)
    {}

    /// As the functions of `circuit_breaker`.
    admission admit(time_point now);
    bool settle(grant const& pass, verdict, time_point now);
    void force_open() { enter(circuit_state::forced_open); }
    void force_close();

private:
    admission admit_while_open(time_point now);
    admission admit_while_half_open(time_point now);
    void count_while_closed(bool failed, bool slow, time_point now);
    void count_trial(bool failed, bool slow, time_point now);

    void trip(time_point now);
    void enter(circuit_state, time_point mark = {});

    circuit_rules const& rules_;
    circuit& circuit_;
    word* window_;
};

/// The breaker's decisions: a plain value, told the time, with no lock and no clock. Not thread-safe.
///
/// Semantics: every state change starts a new *generation* and clears every count. A call belongs to the
/// generation that admitted it; settled in another one it is stale and changes nothing.
class circuit_breaker
{
public:
    /// \throws invalid_options
    explicit circuit_breaker(circuit_breaker_options options)
        : rules_(std::make_shared<circuit_rules const>(std::move(options))),
          window_(rules_->words())
    {}

    /// May a call go in now? An open circuit whose period is over becomes half-open here, and nowhere else.
    /// Refused with `errc::circuit_open` and the end of the period, `circuit_half_open`, or
    /// `circuit_forced_open`.
    admission admit(time_point now) { return control().admit(now); }

    /// The call that was granted `pass` ended. Once for each grant. Returns whether its outcome was counted.
    bool settle(grant const& pass, verdict v, time_point now) { return control().settle(pass, v, now); }

    /// Refuse everything until `force_close`.
    void force_open(time_point) { control().force_open(); }
    /// Start anew, closed, with nothing counted.
    void force_close(time_point) { control().force_close(); }

    bool is_timeless() const noexcept { return rules_->is_timeless(); }
    bool is_safe_from_success() const noexcept { return view().is_safe_from_success(); }
    bool is_unmoved_by_success() const noexcept { return view().is_unmoved_by_success(); }

    circuit_state state() const noexcept { return circuit_.state; }
    /// When an open circuit lets trial calls in. `nullopt`: it is not open.
    std::optional<time_point> opens_until() const noexcept { return circuit_.opens_until(); }
    std::uint64_t generation() const noexcept { return circuit_.generation; }
    circuit_breaker_options const& options() const noexcept { return rules_->options(); }

    /// What the breaker looks like at `now`. Looking changes nothing.
    circuit_breaker_snapshot snapshot(time_point now) const { return view().snapshot(now); }

private:
    circuit_control control() noexcept { return {*rules_, circuit_, window_.data()}; }
    circuit_view view() const noexcept { return {*rules_, circuit_, window_.data()}; }

    std::shared_ptr<circuit_rules const> rules_;
    circuit circuit_;
    std::vector<word> window_;
};

} // namespace policy
} // namespace keel
