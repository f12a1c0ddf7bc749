#include "event_log.hpp"

#include <optional>
#include <stdexcept>
#include <variant>

namespace keel::simulated {
namespace {

struct entry
{
    event_log& log;

    void operator()(telemetry::circuit_changed const& e) const
    {
        begin("circuit_changed", e.by).add("from", e.from).add("to", e.to);
    }
    void operator()(telemetry::retry_scheduled const& e) const
    {
        begin("retry_scheduled", e.by)
            .add("next", e.next_attempt)
            .add("pause", e.pause.count())
            .add("error", e.error);
    }
    void operator()(telemetry::retry_stopped const& e) const
    {
        begin("retry_stopped", e.by).add("why", e.why).add("error", e.error);
    }
    void operator()(telemetry::timed_out const& e) const
    {
        begin("timed_out", e.by).add("limit", e.limit.count()).add("operation", e.operation);
    }
    void operator()(telemetry::rejected const& e) const
    {
        begin("rejected", e.by).add("error", e.error);
        log.add("retry_after", e.retry_after ? e.retry_after->count() : -1);
    }
    void operator()(telemetry::fell_back const& e) const { begin("fell_back", e.by).add("error", e.error); }
    void operator()(telemetry::orphan_ended const& e) const { begin("orphan_ended", e.by); }
    void operator()(telemetry::circuit_reset const& e) const { begin("circuit_reset", e.by); }
    void operator()(telemetry::circuit_ignored const& e) const { begin("circuit_ignored", e.by); }
    void operator()(telemetry::attempt_ended const& e) const
    {
        begin("attempt_ended", e.by)
            .add("verdict", e.verdict)
            .add("handled", e.handled ? 1 : 0)
            .add("took", e.took.count());
        log.add("error", e.error);
    }
    void operator()(telemetry::call_ended const& e) const
    {
        begin("call_ended", e.by).add("ended_by", e.ended_by).add("took", e.took.count());
        log.add("error", e.error);
    }
    void operator()(telemetry::questionable_composition const& e) const
    {
        begin("questionable_composition", e.by).add("rule", e.rule);
    }

    event_log& begin(std::string_view kind, telemetry::origin const& by) const
    {
        return log.note(kind, by.at)
            .add("pipeline", by.pipeline)
            .add("policy", by.policy)
            .add("attempt", by.attempt);
    }
};

} // namespace

void event_log::on(telemetry::event const& e)
{
    std::visit(entry{*this}, e);
    end();
    if (also_) also_(e);
    if (events_ % 97 == 0) throw std::runtime_error("an observer that throws");
}

event_log& event_log::note(std::string_view what, time_point at)
{
    if (text_) *text_ << at.time_since_epoch().count() << "ns " << what;
    mix(what);
    mix(static_cast<std::uint64_t>(at.time_since_epoch().count()));
    return *this;
}

event_log& event_log::add(std::string_view name, std::int64_t number)
{
    if (text_) *text_ << ' ' << name << '=' << number;
    mix(static_cast<std::uint64_t>(number));
    return *this;
}

event_log& event_log::add(std::string_view name, std::string_view word)
{
    if (text_) *text_ << ' ' << name << '=' << word;
    mix(word);
    return *this;
}

event_log& event_log::add(std::string_view name, error_code const& e)
{
    if (text_) *text_ << ' ' << name << '=' << e.category().name() << ':' << e.value();
    mix(e.category().name());
    mix(static_cast<std::uint64_t>(e.value()));
    return *this;
}

void event_log::end()
{
    if (text_) *text_ << '\n';
    ++events_;
}

void event_log::mix(std::uint64_t word) noexcept
{
    for (auto i = 0; i < 8; ++i) {
        hash_ = (hash_ ^ (word & 0xFFU)) * 0x100000001B3U;
        word >>= 8U;
    }
}

void event_log::mix(std::string_view text) noexcept
{
    for (auto const c : text) hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
    hash_ = (hash_ ^ 0xFFU) * 0x100000001B3U; // so that "ab" "c" is not "a" "bc"
}

} // namespace keel::simulated
