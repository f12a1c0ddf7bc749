// The line of an event, whatever stands in names and messages: one line, and read back the fields it was
// written from and no others.

#include "input.hpp"
#include "law.hpp"

#include <keel/telemetry/line.hpp>

#include <boost/system/error_category.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace keel;
using fuzz::law;

using field = std::pair<std::string, std::string>;
using fields = std::vector<field>;

class hostile_category final : public boost::system::error_category
{
public:
    hostile_category(std::string name, std::string message)
        : name_(std::move(name)),
          message_(std::move(message))
    {}

    char const* name() const noexcept override { return name_.c_str(); }
    std::string message(int) const override { return message_; }

private:
    std::string name_;
    std::string message_;
};

/// Reads logfmt as its readers do: `key=value key="quoted value"`.
class reader
{
public:
    explicit reader(std::string_view line) : rest_(line) {}

    fields all()
    {
        fields found;
        for (;;) {
            auto const key = take_until('=');
            found.emplace_back(key, rest_.starts_with('"') ? quoted() : plain());
            if (rest_.empty()) return found;
            expect(' ');
        }
    }

private:
    void expect(char c)
    {
        law(rest_.starts_with(c), "fields are separated by one blank, and keys from values by one sign");
        rest_.remove_prefix(1);
    }

    std::string take_until(char end)
    {
        auto const at = rest_.find(end);
        law(at != rest_.npos && at > 0, "every field has a key");
        std::string taken(rest_.substr(0, at));
        rest_.remove_prefix(at + 1);
        return taken;
    }

    std::string plain()
    {
        std::string value(rest_.substr(0, rest_.find(' ')));
        law(!value.empty() && value.find_first_of("\"=\\") == value.npos, "a bare value is plain");
        rest_.remove_prefix(value.size());
        return value;
    }

    std::string quoted()
    {
        expect('"');
        std::string value;
        while (!rest_.starts_with('"')) value += rest_.starts_with('\\') ? escaped() : next();
        expect('"');
        return value;
    }

    char next()
    {
        law(!rest_.empty(), "every quote is closed, and every escape complete");
        auto const c = rest_.front();
        rest_.remove_prefix(1);
        return c;
    }

    char escaped()
    {
        expect('\\');
        auto const c = next();
        law(c == '"' || c == '\\' || c == 'x', "only quotes, backslashes and bytes are escaped");
        if (c != 'x') return c;
        auto const high = digit(next());
        return static_cast<char>(16 * high + digit(next()));
    }

    static unsigned digit(char c)
    {
        auto const value = std::string_view("0123456789abcdef").find(c);
        law(value < 16, "an escaped byte has two hexadecimal digits");
        return static_cast<unsigned>(value);
    }

    std::string_view rest_;
};

struct source
{
    // Braces: they are read in this order with every compiler.
    explicit source(fuzz::input& in)
        : category{std::string(in.text()), std::string(in.text())},
          value{in.word<std::int32_t>()},
          pipeline{in.text()},
          policy{in.text()},
          instance{in.text()},
          operation{in.text()},
          one{in.text()},
          two{in.text()},
          number{in.word<std::uint32_t>()},
          time{in.length()}
    {}

    telemetry::origin by() const { return {pipeline, policy, time_point{}, instance, operation, attempt()}; }
    std::uint32_t attempt() const { return number % 3; }
    error_code error() const { return {value, category}; }

    hostile_category category;
    int value;
    std::string_view pipeline;
    std::string_view policy;
    std::string_view instance;
    std::string_view operation;
    std::string_view one;
    std::string_view two;
    std::uint32_t number;
    duration time;
};

fields begun(std::string_view event, source const& s)
{
    fields f{{"event", std::string(event)}};
    if (!s.pipeline.empty()) f.emplace_back("pipeline", s.pipeline);
    if (!s.instance.empty()) f.emplace_back("instance", s.instance);
    if (!s.policy.empty()) f.emplace_back("policy", s.policy);
    if (!s.operation.empty()) f.emplace_back("operation_name", s.operation);
    if (s.attempt() > 0) f.emplace_back("attempt", std::to_string(s.attempt()));
    return f;
}

void add_error(fields& f, source const& s)
{
    if (s.value == 0) return;
    f.emplace_back("error", s.category.message(0));
    f.emplace_back("code", std::string(s.category.name()) + ':' + std::to_string(s.value));
}

struct sample
{
    telemetry::event what;
    fields written;
};

sample sample_from(source const& s, std::size_t kind)
{
    namespace t = telemetry;
    fields f;
    switch (kind) {
    case 0:
        f = begun("circuit_changed", s);
        f.emplace_back("from", s.one);
        f.emplace_back("to", s.two);
        return {t::circuit_changed{s.by(), s.one, s.two}, f};
    case 1:
        f = begun("retry_scheduled", s);
        f.emplace_back("next_attempt", std::to_string(s.number));
        f.emplace_back("pause", to_string(s.time));
        add_error(f, s);
        return {t::retry_scheduled{s.by(), s.number, s.time, s.error()}, f};
    case 2:
        f = begun("retry_stopped", s);
        f.emplace_back("why", s.one);
        add_error(f, s);
        return {t::retry_stopped{s.by(), s.one, s.error()}, f};
    case 3:
        f = begun("timed_out", s);
        f.emplace_back("limit", to_string(s.time));
        f.emplace_back("operation", s.one);
        return {t::timed_out{s.by(), s.time, s.one}, f};
    case 4:
        f = begun("rejected", s);
        add_error(f, s);
        if (s.number % 2 == 0) return {t::rejected{s.by(), s.error(), std::nullopt}, f};
        f.emplace_back("retry_after", to_string(s.time));
        return {t::rejected{s.by(), s.error(), s.time}, f};
    case 5:
        f = begun("fell_back", s);
        add_error(f, s);
        return {t::fell_back{s.by(), s.error()}, f};
    case 6: return {t::circuit_reset{s.by()}, begun("circuit_reset", s)};
    case 7: return {t::circuit_ignored{s.by()}, begun("circuit_ignored", s)};
    case 8:
        f = begun("attempt_ended", s);
        f.emplace_back("verdict", s.one);
        f.emplace_back("handled", s.number % 2 == 0 ? "yes" : "no");
        f.emplace_back("took", to_string(s.time));
        add_error(f, s);
        return {t::attempt_ended{s.by(), s.one, s.number % 2 == 0, s.error(), s.time}, f};
    case 9:
        f = begun("call_ended", s);
        f.emplace_back("ended_by", s.one);
        f.emplace_back("verdict", s.two);
        f.emplace_back("took", to_string(s.time));
        add_error(f, s);
        return {t::call_ended{s.by(), s.one, s.two, s.error(), s.time}, f};
    case 10:
        f = begun("questionable_composition", s);
        f.emplace_back("rule", s.one);
        f.emplace_back("text", s.two);
        return {t::questionable_composition{s.by(), s.one, s.two}, f};
    default: return {t::orphan_ended{s.by()}, begun("orphan_ended", s)};
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    fuzz::input in(data, size);
    auto const kind = in.below(std::variant_size_v<telemetry::event>);
    source const words(in);
    auto const sample = sample_from(words, kind);
    auto const line = telemetry::to_line(sample.what);
    for (auto const c : line) law(c >= ' ' && c <= '~', "a line holds printable ASCII and nothing else");
    law(reader(line).all() == sample.written, "read back, a line has the fields it was written from");
    return 0;
}
