#pragma once

#include <keel/core/chance.hpp>
#include <keel/core/time.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>

namespace keel::fuzz {

/// The fuzzer's bytes, read as values. When they have run out every value is zero, so that each input means
/// something. Small values cost few bytes, and extreme ones are as likely as ordinary ones.
class input
{
public:
    input(std::uint8_t const* data, std::size_t size) : rest_(reinterpret_cast<char const*>(data), size) {}

    bool empty() const { return rest_.empty(); }

    std::uint8_t byte()
    {
        if (rest_.empty()) return 0;
        auto const first = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return first;
    }

    bool flag() { return (byte() & 1U) != 0; }

    /// 0 to n - 1; `n` is 1 to 256.
    std::size_t below(std::size_t n) { return byte() % n; }

    template <std::integral Integer>
    Integer word()
    {
        std::uint64_t bits = 0;
        for (std::size_t i = 0; i < sizeof(Integer); ++i) bits |= std::uint64_t{byte()} << (8 * i);
        return static_cast<Integer>(bits);
    }

    /// Any number, mostly a small one.
    template <std::unsigned_integral Integer>
    Integer count()
    {
        switch (below(8)) {
        case 0: return std::numeric_limits<Integer>::max();
        case 1: return word<Integer>();
        case 2: return word<std::uint16_t>();
        default: return byte();
        }
    }

    /// Any duration, also below zero, mostly some units of a usual size.
    duration length()
    {
        using namespace std::chrono_literals;
        constexpr std::array<duration, 6> units{1ns, 1us, 1ms, 1s, 60s, 24h};
        auto const kind = byte();
        switch (kind % 16) {
        case 0: return duration::max();
        case 1: return duration::min();
        case 2: return duration(word<duration::rep>());
        case 3: return -units[kind / 16 % units.size()];
        case 4: return 0ns;
        default: return units[kind / 16 % units.size()] * byte();
        }
    }

    /// The same, or nothing.
    std::optional<duration> maybe_length() { return flag() ? std::optional(length()) : std::nullopt; }

    /// Any number that a user can write for a ratio, and what is none.
    double ratio()
    {
        switch (below(8)) {
        case 0: return std::numeric_limits<double>::quiet_NaN();
        case 1: return std::bit_cast<double>(word<std::uint64_t>());
        case 2: return byte();
        case 3: return word<std::uint16_t>() / 1000.0;
        default: return byte() / 100.0;
        }
    }

    std::optional<double> maybe_ratio() { return flag() ? std::optional(ratio()) : std::nullopt; }

    chance draw() { return chance::from_bits(flag() ? ~std::uint64_t{0} : word<std::uint64_t>()); }

    /// Up to 255 bytes.
    std::string_view text() { return take(byte()); }
    std::string_view rest() { return take(rest_.size()); }

private:
    std::string_view take(std::size_t size)
    {
        auto const taken = rest_.substr(0, size);
        rest_.remove_prefix(taken.size());
        return taken;
    }

    std::string_view rest_;
};

/// A monotonic clock that stands still, steps and leaps as the bytes say, up to the end of time.
class timeline
{
public:
    explicit timeline(input& in) : now_(saturating_add(time_point{}, not_negative(in.length()))) {}

    time_point now() const { return now_; }
    void advance(input& in) { now_ = saturating_add(now_, not_negative(in.length())); }

    /// To one nanosecond before `at`, to `at`, or to one after it; never back.
    void approach(time_point at, input& in)
    {
        auto const offset = duration(static_cast<duration::rep>(in.below(3)) - 1);
        now_ = std::max(now_, saturating_add(at, offset));
    }

private:
    static duration not_negative(duration d) { return std::max(d, duration::zero()); }

    time_point now_;
};

} // namespace keel::fuzz
