// URLs: what is taken is safe in a request's header and means the same when read again; what is refused gets
// a message of one line.

#include "input.hpp"
#include "law.hpp"

#include "common/url.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using keel::fuzz::law;

bool is_printable(char c) { return c > ' ' && c <= '~'; }

bool all_printable(std::string_view text) { return std::all_of(text.begin(), text.end(), is_printable); }

void check(example::url const& u, std::string_view text)
{
    law(u.text == text, "a URL remembers how it was written");
    law(u.port > 0, "a port is above 0");
    law(!u.host.empty() && u.host.size() <= 253, "a host has 1 to 253 bytes");
    law(all_printable(u.host) && u.host.find_first_of("/?#@[]%\"<>\\") == u.host.npos,
        "a host is fit for a header");
    law(u.target.starts_with('/') && all_printable(u.target), "a target is a path fit for a request line");
    law(u.target.find_first_of("#[]\"<>\\^`{|}") == u.target.npos,
        "a target has no fragment and no odd byte");

    auto const v6 = u.host.find(':') != u.host.npos;
    auto const host = v6 ? '[' + u.host + ']' : u.host;
    law(u.where() == host + ':' + std::to_string(u.port), "where() is host and port");
    law(u.host_header() == (u.port == 80 ? host : u.where()), "the usual port is left out of the header");

    auto const written = "http://" + u.host_header() + u.target;
    if (written.size() > 8000) return;
    auto const again = example::parse_url(written);
    law(again.host == u.host && again.port == u.port && again.target == u.target,
        "what is made of a URL means the same when it is read again");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size)
{
    keel::fuzz::input in(data, size);
    auto const text = in.rest();
    try {
        check(example::parse_url(text), text);
    } catch (example::bad_url const& e) {
        std::string_view const what = e.what();
        auto const one_line =
            std::all_of(what.begin(), what.end(), [](char c) { return c == ' ' || is_printable(c); });
        law(one_line && !what.empty() && what.size() < 250, "a refusal is one short line of printable ASCII");
    }
    return 0;
}
