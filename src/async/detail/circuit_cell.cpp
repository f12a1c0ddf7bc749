#include <keel/async/detail/circuit_cell.hpp>

#include <keel/core/option_faults.hpp>

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace keel {
namespace {

/// What opens the circuit.
std::string judges_by(circuit_breaker_options const& o)
{
    if (auto const* const row = std::get_if<consecutive_window>(&o.window))
        return "failures=" + std::to_string(row->failures);
    auto const* const count = std::get_if<count_window>(&o.window);
    auto text =
        "window=" + (count ? std::to_string(count->size) : to_string(std::get<time_window>(o.window).size));
    text += " min_calls=" + std::to_string(o.min_calls);
    if (o.failure_ratio) text += " failure_ratio=" + detail::number(*o.failure_ratio);
    if (o.slow_ratio) text += " slow_ratio=" + detail::number(*o.slow_ratio);
    return text;
}

} // namespace

part_description circuit_breaker::cell::describe() const
{
    auto const& o = options();
    auto text = judges_by(o) + " open_for=" + to_string(o.open_for) +
                " half_open_permits=" + std::to_string(o.half_open_permits);
    if (o.slow_call) text += " slow_call=" + to_string(*o.slow_call);
    return {.kind = "circuit_breaker",
            .name = o.name,
            .options = std::move(text),
            .longest_wait = duration::zero()};
}

verdict circuit_breaker::cell::narrow(verdict v, failure const& what) const
{
    auto const& counts = options().failure_if;
    if ((v != verdict::failure && v != verdict::throttled) || !counts) return v;
    return counts(what) ? v : verdict::ignored;
}

std::string_view circuit_breaker::cell::state_to_keep(time_point) const noexcept
{
    auto const now_in = state();
    return now_in == circuit_state::closed ? std::string_view() : to_string(now_in);
}

} // namespace keel

namespace keel::detail {

void circuit_reporter::changed(circuit_transition change) const noexcept
{
    change.key = key_;
    if (auto const& listener = options_.on_transition) {
        try {
            listener(change);
        } catch (...) { // a listener must not be able to break the call that caused the change
        }
    }
    if (auto* const to = own_ ? own_ : visit_.from.observer)
        telemetry::emit(to, telemetry::circuit_changed{by(), to_string(change.from), to_string(change.to)});
}

void circuit_reporter::was_reset() const noexcept
{
    if (own_) telemetry::emit(own_, telemetry::circuit_reset{by()});
}

void circuit_reporter::ignored() const noexcept
{
    if (auto* const to = own_ ? own_ : visit_.from.observer)
        telemetry::emit(to, telemetry::circuit_ignored{by()});
}

void circuit_reporter::refused(admission const& answer) const noexcept
{
    if (!own_ || !visit_.from.pipeline.empty()) return;
    auto const wait = answer.at ? std::optional(saturating_sub(*answer.at, visit_.now())) : std::nullopt;
    telemetry::emit(own_, telemetry::rejected{by(), answer.why, wait});
}

telemetry::origin circuit_reporter::by() const noexcept
{
    auto origin = visit_.by(options_.name);
    if (origin.instance.empty()) origin.instance = key_;
    return origin;
}

} // namespace keel::detail
