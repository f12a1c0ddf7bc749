#include "common/url.hpp"

#include "common/text.hpp"

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>
#include <boost/system/error_code.hpp>

#include <algorithm>
#include <cstddef>
#include <limits>

namespace example {

namespace {

namespace ip = boost::asio::ip;
using boost::system::error_code;

constexpr std::size_t longest_url = 8000; // the length that RFC 9110 wants every server to bear
constexpr std::size_t longest_host = 253; // of DNS
constexpr std::uint16_t usual_port = 80;

// Not those of <cctype>, whose answers depend on the locale.
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_hex_digit(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_host_char(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_'; }

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string hex(char c)
{
    constexpr auto* digits = "0123456789ABCDEF";
    auto const byte = static_cast<unsigned char>(c);
    return {digits[byte / 16], digits[byte % 16]};
}

std::string bracketed(std::string const& host)
{
    auto const is_v6 = host.find(':') != host.npos;
    return is_v6 ? '[' + host + ']' : host;
}

std::string quoted(std::string_view text) { return '"' + printable(text, 100) + '"'; }

class parser
{
public:
    explicit parser(std::string_view text) : text_(text) {}

    url parse() const
    {
        check_length();
        for (auto const& c : text_) check_byte(&c);

        auto const rest = after_scheme();
        auto const authority = rest.substr(0, rest.find_first_of("/?#"));
        url parsed;
        parsed.text = text_;
        read_authority(authority, parsed);
        parsed.target = target_from(rest.substr(authority.size()));
        return parsed;
    }

private:
    [[noreturn]] static void refuse(std::string const& why) { throw bad_url(why); }

    [[noreturn]] void refuse_byte(char const* at, std::string const& why) const
    {
        auto const index = at - text_.data();
        refuse("byte " + std::to_string(index + 1) + " is " + why); // people count from 1
    }

    void check_length() const
    {
        if (text_.empty()) refuse("it is empty");
        if (text_.size() <= longest_url) return;
        refuse("it has " + std::to_string(text_.size()) + " bytes, allowed are " +
               std::to_string(longest_url));
    }

    void check_byte(char const* at) const
    {
        constexpr std::string_view never_allowed = "\"<>\\^`{|}";

        auto const c = *at;
        auto const byte = static_cast<unsigned char>(c);
        if (byte < ' ' || byte == 0x7f) refuse_byte(at, "0x" + hex(c) + ", a control byte");
        if (byte > 0x7f) refuse_byte(at, "0x" + hex(c) + ", not ASCII; write it as %" + hex(c));
        if (c == ' ') refuse_byte(at, "a space; write it as %20");
        if (never_allowed.find(c) != never_allowed.npos) refuse_unescaped(at);
        if (c == '%' && !begins_escape(at)) refuse_byte(at, "'%' without two hexadecimal digits behind it");
    }

    [[noreturn]] void refuse_unescaped(char const* at) const
    {
        refuse_byte(at, std::string{'\'', *at, '\''} + "; write it as %" + hex(*at));
    }

    bool begins_escape(char const* percent) const
    {
        auto const* const end = text_.data() + text_.size();
        return end - percent > 2 && is_hex_digit(percent[1]) && is_hex_digit(percent[2]);
    }

    std::string_view after_scheme() const
    {
        constexpr std::string_view mark = "://";

        auto const colon = std::min(text_.find_first_of(":/?#"), text_.size());
        if (!text_.substr(colon).starts_with(mark)) refuse("it does not begin with http://");

        std::string scheme{text_.substr(0, colon)};
        std::ranges::transform(scheme, scheme.begin(), to_lower);
        if (scheme == "https") refuse("TLS is not supported yet, so that https:// cannot be used");
        if (scheme != "http") refuse("its scheme is " + quoted(scheme) + ", allowed is http");
        return text_.substr(colon + mark.size());
    }

    void read_authority(std::string_view authority, url& into) const
    {
        auto const at_sign = authority.find('@');
        if (at_sign != authority.npos)
            refuse_byte(&authority[at_sign], "'@': a user name or password is not supported");

        auto const in_brackets = authority.starts_with('[');
        into.host = in_brackets ? read_v6_address(authority) : read_host(authority);
        auto const rest = authority.substr(into.host.size() + (in_brackets ? 2 : 0));
        into.port = rest.empty() ? usual_port : read_port(rest);
    }

    std::string read_v6_address(std::string_view authority) const
    {
        auto const close = authority.find(']');
        if (close == authority.npos) refuse_byte(&authority.front(), "'[' without a ']' behind it");

        std::string host{authority.substr(1, close - 1)};
        error_code ec;
        ip::make_address_v6(host, ec);
        auto const has_zone = host.find('%') != host.npos; // means something on this machine only
        if (ec || has_zone) refuse("its host is " + quoted(host) + ", which is no IPv6 address");
        return host;
    }

    std::string read_host(std::string_view authority) const
    {
        auto const host = authority.substr(0, authority.find(':'));
        if (host.empty()) refuse("its host is missing");
        if (host.size() > longest_host)
            refuse("its host has " + std::to_string(host.size()) + " bytes, allowed are " +
                   std::to_string(longest_host));
        for (auto const& c : host)
            if (!is_host_char(c)) refuse_byte(&c, std::string{'\'', c, '\''} + ", which no host name holds");

        // The system would take 127.1 for an address, too, and 010.0.0.1 for another one than it seems.
        auto const is_numeric = std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; });
        error_code ec;
        if (is_numeric) ip::make_address_v4(host, ec);
        if (ec) refuse("its host is " + quoted(host) + ", which is no IPv4 address");
        return std::string{host};
    }

    static std::uint16_t read_port(std::string_view rest)
    {
        constexpr std::uint16_t highest = std::numeric_limits<std::uint16_t>::max();

        auto const is_port = rest.starts_with(':');
        auto const port = is_port ? parse_count(rest.substr(1), highest) : std::nullopt;
        if (!port || *port == 0)
            refuse("its port is " + quoted(rest.substr(is_port ? 1 : 0)) +
                   ", allowed is a number from 1 to 65535");
        return static_cast<std::uint16_t>(*port);
    }

    std::string target_from(std::string_view rest) const
    {
        auto const target = rest.substr(0, rest.find('#'));
        for (auto const& c : target)
            if (c == '[' || c == ']') refuse_unescaped(&c);
        return target.starts_with('/') ? std::string{target} : '/' + std::string{target};
    }

    std::string_view text_;
};

} // namespace

url parse_url(std::string_view text) { return parser{text}.parse(); }

std::string url::where() const { return bracketed(host) + ':' + std::to_string(port); }

std::string url::host_header() const { return port == usual_port ? bracketed(host) : where(); }

} // namespace example
