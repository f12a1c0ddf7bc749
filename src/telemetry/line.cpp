#include <keel/telemetry/line.hpp>

#include <keel/core/option_faults.hpp>

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace keel::telemetry {
namespace {

bool is_plain(char c) { return c > ' ' && c < 0x7f && c != '"' && c != '=' && c != '\\'; }

class line
{
public:
    explicit line(std::string_view event) { text("event", event); }

    line& by(origin const& o)
    {
        if (!o.pipeline.empty()) text("pipeline", o.pipeline);
        if (!o.instance.empty()) text("instance", o.instance);
        if (!o.policy.empty()) text("policy", o.policy);
        if (!o.operation.empty()) text("operation_name", o.operation);
        if (o.attempt > 0) number("attempt", o.attempt);
        return *this;
    }

    line& text(std::string_view key, std::string_view value)
    {
        begin(key);
        if (!value.empty() && std::all_of(value.begin(), value.end(), is_plain))
            line_ += value;
        else
            quote(value);
        return *this;
    }

    line& number(std::string_view key, std::uint64_t value) { return text(key, std::to_string(value)); }
    line& time(std::string_view key, duration value) { return text(key, keel::to_string(value)); }

    line& error(error_code const& code)
    {
        if (!code) return *this;
        text("error", code.message());
        return text("code", std::string(code.category().name()) + ':' + std::to_string(code.value()));
    }

    std::string take() { return std::move(line_); }

private:
    void begin(std::string_view key)
    {
        if (!line_.empty()) line_ += ' ';
        line_ += key;
        line_ += '=';
    }

    void quote(std::string_view value)
    {
        line_ += '"';
        for (auto const c : value) {
            if (c == '"' || c == '\\') line_ += '\\';
            if (is_plain(c) || c == ' ' || c == '=' || c == '"' || c == '\\')
                line_ += c;
            else
                escape(c);
        }
        line_ += '"';
    }

    void escape(char c)
    {
        char hex[8];
        std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
        line_ += hex;
    }

    std::string line_;
};

struct writer
{
    std::string operator()(circuit_changed const& e) const
    {
        return line("circuit_changed").by(e.by).text("from", e.from).text("to", e.to).take();
    }

    std::string operator()(retry_scheduled const& e) const
    {
        return line("retry_scheduled")
            .by(e.by)
            .number("next_attempt", e.next_attempt)
            .time("pause", e.pause)
            .error(e.error)
            .take();
    }

    std::string operator()(retry_stopped const& e) const
    {
        return line("retry_stopped").by(e.by).text("why", e.why).error(e.error).take();
    }

    std::string operator()(timed_out const& e) const
    {
        return line("timed_out").by(e.by).time("limit", e.limit).text("operation", e.operation).take();
    }

    std::string operator()(rejected const& e) const
    {
        auto text = line("rejected");
        text.by(e.by).error(e.error);
        if (e.retry_after) text.time("retry_after", *e.retry_after);
        return text.take();
    }

    std::string operator()(fell_back const& e) const
    {
        return line("fell_back").by(e.by).error(e.error).take();
    }
    std::string operator()(circuit_reset const& e) const { return line("circuit_reset").by(e.by).take(); }
    std::string operator()(circuit_ignored const& e) const { return line("circuit_ignored").by(e.by).take(); }

    std::string operator()(attempt_ended const& e) const
    {
        return line("attempt_ended")
            .by(e.by)
            .text("verdict", e.verdict)
            .text("handled", e.handled ? "yes" : "no")
            .time("took", e.took)
            .error(e.error)
            .take();
    }

    std::string operator()(call_ended const& e) const
    {
        return line("call_ended")
            .by(e.by)
            .text("ended_by", e.ended_by)
            .text("verdict", e.verdict)
            .time("took", e.took)
            .error(e.error)
            .take();
    }

    std::string operator()(questionable_composition const& e) const
    {
        return line("questionable_composition").by(e.by).text("rule", e.rule).text("text", e.text).take();
    }

    std::string operator()(orphan_ended const& e) const { return line("orphan_ended").by(e.by).take(); }
};

} // namespace

std::string to_line(event const& e) { return std::visit(writer{}, e); }

} // namespace keel::telemetry
