#include "common/url.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace example;
using namespace std::string_view_literals;

/// Why `text` is refused; empty if it is not.
std::string fault_of(std::string_view text)
{
    try {
        parse_url(text);
        return {};
    } catch (bad_url const& e) {
        return e.what();
    }
}

TEST(ParseUrl, TakesItApart)
{
    auto const parsed = parse_url("http://example.com:8080/a/b?c=d&e");
    EXPECT_EQ(parsed.text, "http://example.com:8080/a/b?c=d&e");
    EXPECT_EQ(parsed.host, "example.com");
    EXPECT_EQ(parsed.port, 8080);
    EXPECT_EQ(parsed.target, "/a/b?c=d&e");
    EXPECT_EQ(parsed.where(), "example.com:8080");
    EXPECT_EQ(parsed.host_header(), "example.com:8080");
}

TEST(ParseUrl, FillsInWhatIsLeftOut)
{
    auto const parsed = parse_url("http://example.com");
    EXPECT_EQ(parsed.port, 80);
    EXPECT_EQ(parsed.target, "/");
    EXPECT_EQ(parsed.where(), "example.com:80");
    EXPECT_EQ(parsed.host_header(), "example.com");
}

TEST(ParseUrl, TheTargetBeginsWithASlashAndEndsBeforeTheFragment)
{
    EXPECT_EQ(parse_url("http://a/").target, "/");
    EXPECT_EQ(parse_url("http://a?").target, "/?");
    EXPECT_EQ(parse_url("http://a?b").target, "/?b");
    EXPECT_EQ(parse_url("http://a#b").target, "/");
    EXPECT_EQ(parse_url("http://a/b#c?d#e").target, "/b");
    EXPECT_EQ(parse_url("http://a?b/c#d").target, "/?b/c");
    EXPECT_EQ(parse_url("http://a//b/../c").target, "//b/../c") << "as it is: that is up to the server";
    EXPECT_EQ(parse_url("http://a/%0d%0aX:%20y").target, "/%0d%0aX:%20y")
        << "harmless as long as it is escaped";
    EXPECT_EQ(parse_url("http://a/-._~!$&'()*+,;=:@/?").target, "/-._~!$&'()*+,;=:@/?");
}

TEST(ParseUrl, TakesNamesAndAddresses)
{
    EXPECT_EQ(parse_url("http://a-b.c_d.e1/").host, "a-b.c_d.e1");
    EXPECT_EQ(parse_url("http://1.2.3.4/").host, "1.2.3.4");
    EXPECT_EQ(parse_url("http://[::1]/").host, "::1");
    EXPECT_EQ(parse_url("http://[2001:db8::7]:81/").host, "2001:db8::7");
    EXPECT_EQ(parse_url("http://[::ffff:1.2.3.4]/").host, "::ffff:1.2.3.4");
}

TEST(ParseUrl, AnIpv6AddressKeepsItsBracketsWhereAPortFollows)
{
    EXPECT_EQ(parse_url("http://[::1]/").where(), "[::1]:80");
    EXPECT_EQ(parse_url("http://[::1]/").host_header(), "[::1]");
    EXPECT_EQ(parse_url("http://[::1]:81/").host_header(), "[::1]:81");
}

TEST(ParseUrl, TakesEveryPort)
{
    EXPECT_EQ(parse_url("http://a:1/").port, 1);
    EXPECT_EQ(parse_url("http://a:65535").port, 65535);
    EXPECT_EQ(parse_url("http://a:080").port, 80);
    EXPECT_EQ(parse_url("http://a:80/").host_header(), "a");
}

TEST(ParseUrl, TheSchemeMayBeInCapitals) { EXPECT_EQ(parse_url("HTTP://a/").host, "a"); }

TEST(ParseUrl, NamesTheSchemeItCannotUse)
{
    EXPECT_EQ(fault_of("https://a/"), "TLS is not supported yet, so that https:// cannot be used");
    EXPECT_EQ(fault_of("HTTPS://a/"), "TLS is not supported yet, so that https:// cannot be used");
    EXPECT_EQ(fault_of("ftp://a/"), "its scheme is \"ftp\", allowed is http");
    EXPECT_EQ(fault_of("://a/"), "its scheme is \"\", allowed is http");
    for (auto const* text : {"a", "a.b:80/c", "http", "http:", "http:/a", "http:a", "/a", "a/b?http://c"})
        EXPECT_EQ(fault_of(text), "it does not begin with http://") << text;
}

TEST(ParseUrl, NamesWhatIsWrongWithTheHost)
{
    EXPECT_EQ(fault_of("http://"), "its host is missing");
    EXPECT_EQ(fault_of("http:///a"), "its host is missing");
    EXPECT_EQ(fault_of("http://:80/"), "its host is missing");
    EXPECT_EQ(fault_of("http://?a"), "its host is missing");
    EXPECT_EQ(fault_of("http://a!b/"), "byte 9 is '!', which no host name holds");
    EXPECT_EQ(fault_of("http://a%41/"), "byte 9 is '%', which no host name holds");
    EXPECT_EQ(fault_of("http://a]/"), "byte 9 is ']', which no host name holds");
    EXPECT_EQ(fault_of("http://" + std::string(254, 'a') + '/'), "its host has 254 bytes, allowed are 253");
    EXPECT_EQ(fault_of("http://" + std::string(253, 'a') + '/'), "");
}

TEST(ParseUrl, NamesWhatIsNoAddress)
{
    for (std::string const host : {"1", "127.1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "010.0.0.1", "."})
        EXPECT_EQ(fault_of("http://" + host + "/"), "its host is \"" + host + "\", which is no IPv4 address");
    for (std::string const host : {"", "1", "::g", "1.2.3.4", "1:2:3:4:5:6:7:8:9", "fe80::1%25eth0"})
        EXPECT_EQ(fault_of("http://[" + host + "]/"),
                  "its host is \"" + host + "\", which is no IPv6 address");
    EXPECT_EQ(fault_of("http://[::1/"), "byte 8 is '[' without a ']' behind it");
}

TEST(ParseUrl, NamesAPortThatIsNone)
{
    for (std::string const port :
         {"", "0", "65536", "x", "80x", "+80", "-1", "80:81", "99999999999999999999"})
        EXPECT_EQ(fault_of("http://a:" + port + "/"),
                  "its port is \"" + port + "\", allowed is a number from 1 to 65535");
    EXPECT_EQ(fault_of("http://[::1]x/"), "its port is \"x\", allowed is a number from 1 to 65535");
}

TEST(ParseUrl, RefusesUserAndPasswordAndDoesNotRepeatThem)
{
    EXPECT_EQ(fault_of("http://me:secret@a/"), "byte 17 is '@': a user name or password is not supported");
    EXPECT_EQ(fault_of("http://@a/"), "byte 8 is '@': a user name or password is not supported");
    EXPECT_EQ(parse_url("http://a/@b?@").target, "/@b?@") << "behind the host it is a plain character";
}

TEST(ParseUrl, NamesAByteThatWouldForgeAHeader)
{
    EXPECT_EQ(fault_of("http://a/\r\nX: y"), "byte 10 is 0x0D, a control byte");
    EXPECT_EQ(fault_of("http://a/b\nX: y"), "byte 11 is 0x0A, a control byte");
    EXPECT_EQ(fault_of("\rhttp://a/"), "byte 1 is 0x0D, a control byte");
    EXPECT_EQ(fault_of("http://a\r/"), "byte 9 is 0x0D, a control byte");
    EXPECT_EQ(fault_of("http://a/#\n"), "byte 11 is 0x0A, a control byte")
        << "even where it would go nowhere";
    EXPECT_EQ(fault_of("http://a/\0b"sv), "byte 10 is 0x00, a control byte");
    EXPECT_EQ(fault_of("http://a/\x1b[31m"), "byte 10 is 0x1B, a control byte");
    EXPECT_EQ(fault_of("http://a/\x7f"), "byte 10 is 0x7F, a control byte");
}

TEST(ParseUrl, TellsHowToWriteWhatMustBeEscaped)
{
    EXPECT_EQ(fault_of("http://a/b c"), "byte 11 is a space; write it as %20");
    EXPECT_EQ(fault_of(" http://a/"), "byte 1 is a space; write it as %20");
    EXPECT_EQ(fault_of("http://a/ HTTP/1.1"), "byte 10 is a space; write it as %20");
    EXPECT_EQ(fault_of("http://a/\xc3\xa4"), "byte 10 is 0xC3, not ASCII; write it as %C3");
    EXPECT_EQ(fault_of("http://a/\xff"), "byte 10 is 0xFF, not ASCII; write it as %FF");
    for (auto const& [c, written] : std::vector<std::pair<char, std::string>>{{'"', "%22"},
                                                                              {'<', "%3C"},
                                                                              {'>', "%3E"},
                                                                              {'\\', "%5C"},
                                                                              {'^', "%5E"},
                                                                              {'`', "%60"},
                                                                              {'{', "%7B"},
                                                                              {'|', "%7C"},
                                                                              {'}', "%7D"},
                                                                              {'[', "%5B"},
                                                                              {']', "%5D"}})
        EXPECT_EQ(fault_of(std::string{"http://a/"} + c),
                  std::string{"byte 10 is '"} + c + "'; write it as " + written);
}

TEST(ParseUrl, NamesABrokenEscape)
{
    constexpr auto* fault = "byte 10 is '%' without two hexadecimal digits behind it";
    for (auto const* text : {"http://a/%", "http://a/%4", "http://a/%4g", "http://a/%g4", "http://a/%%41"})
        EXPECT_EQ(fault_of(text), fault) << text;
    EXPECT_EQ(fault_of("http://a/%aF"), "");
}

TEST(ParseUrl, HasALimit)
{
    std::string const start = "http://a/";
    EXPECT_EQ(fault_of(""), "it is empty");
    EXPECT_EQ(fault_of(start + std::string(8000 - start.size(), 'x')), "");
    EXPECT_EQ(fault_of(start + std::string(8001 - start.size(), 'x')), "it has 8001 bytes, allowed are 8000");
}

TEST(ParseUrl, AMessageIsOneShortLine)
{
    auto const fault = fault_of("http://a:" + std::string(7000, '9') + "/");
    EXPECT_LT(fault.size(), 200u);
    EXPECT_EQ(fault.find('\n'), fault.npos);
}

} // namespace
