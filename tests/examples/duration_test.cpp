#include "common/duration.hpp"
#include "common/text.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>

namespace {

using namespace example;
using namespace std::chrono_literals;

TEST(ParseDuration, TakesANumberAndAUnit)
{
    EXPECT_EQ(parse_duration("0s"), 0s);
    EXPECT_EQ(parse_duration("5us"), 5us);
    EXPECT_EQ(parse_duration("250ms"), 250ms);
    EXPECT_EQ(parse_duration("5s"), 5s);
    EXPECT_EQ(parse_duration("1.5s"), 1500ms);
    EXPECT_EQ(parse_duration("0.001us"), 1ns);
    EXPECT_EQ(parse_duration("0.025s"), 25ms);
    EXPECT_EQ(parse_duration("2min"), 2min);
    EXPECT_EQ(parse_duration("0.125h"), 450s);
    EXPECT_EQ(parse_duration("24h"), 24h);
    EXPECT_EQ(parse_duration("86400s"), 24h);
}

TEST(ParseDuration, RefusesAnythingElse)
{
    for (auto const* text : {"",
                             "5",
                             "s",
                             "5 s",
                             " 5s",
                             "5s ",
                             "+5s",
                             "-5s",
                             ".5s",
                             "1.s",
                             "1..5s",
                             "1.5.5s",
                             ".s",
                             "1.2345s",
                             "1,5s",
                             "5S",
                             "5sec",
                             "5m",
                             "5ns",
                             "1e3s",
                             "0x5s",
                             "5s5s",
                             "24.001h",
                             "25h",
                             "86401s",
                             "99999999999999999999s",
                             "18446744073709551616us"})
        EXPECT_EQ(parse_duration(text), std::nullopt) << '"' << text << '"';
}

TEST(ParseDuration, RefusesANulByte) { EXPECT_EQ(parse_duration(std::string_view("5s\0", 3)), std::nullopt); }

TEST(ParsePositiveDuration, RefusesZero)
{
    EXPECT_EQ(parse_positive_duration("1ms"), 1ms);
    EXPECT_EQ(parse_positive_duration("0s"), std::nullopt);
    EXPECT_EQ(parse_positive_duration("0.000h"), std::nullopt);
    EXPECT_EQ(parse_positive_duration("x"), std::nullopt);
}

TEST(ParseCount, TakesDigitsUpToALimit)
{
    EXPECT_EQ(parse_count("0", 10), 0u);
    EXPECT_EQ(parse_count("10", 10), 10u);
    EXPECT_EQ(parse_count("18446744073709551615", UINT64_MAX), UINT64_MAX);
    for (auto const* text : {"", "11", "-1", "+1", " 1", "1 ", "1.0", "0x1", "ten", "18446744073709551616"})
        EXPECT_EQ(parse_count(text, 10), std::nullopt) << '"' << text << '"';
}

TEST(ParseNumber, TakesAPlainDecimal)
{
    EXPECT_EQ(parse_number("0.5"), 0.5);
    EXPECT_EQ(parse_number("1"), 1.0);
    EXPECT_EQ(parse_number("-2.25"), -2.25);
    for (auto const* text :
         {"", " 1", "1 ", "+1", "1e3", "0x1", "inf", "-inf", "nan", "1,5", "1.5.5", "half"})
        EXPECT_EQ(parse_number(text), std::nullopt) << '"' << text << '"';
}

TEST(Printable, KeepsToOneLineOfAscii)
{
    EXPECT_EQ(printable("plain text ~"), "plain text ~");
    EXPECT_EQ(printable("a\r\nb\tc\x1b[31m\x7f\xc3\xa4"), "a??b?c?[31m???");
    EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a?b");
}

TEST(Printable, CutsWhatIsTooLong)
{
    EXPECT_EQ(printable("12345", 5), "12345");
    EXPECT_EQ(printable("123456", 5), "12345...");
}

} // namespace
