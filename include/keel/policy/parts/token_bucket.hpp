#pragma once

#include <keel/core/time.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace keel::policy {

/// A bucket of whole tokens that fills continuously at `tokens` per `per`, exactly: it counts credits, of
/// which one nanosecond adds `tokens` and one token costs `per`. Told the time; not thread-safe.
class token_bucket
{
public:
    /// \param tokens  tokens that arrive in each `per`; above 0
    /// \param per     above 0
    /// \param burst   tokens when full; they must arrive within 145 years
    /// \param initial tokens at time 0; more than `burst` counts as `burst`
    token_bucket(std::uint32_t tokens, duration per, std::uint32_t burst, std::uint32_t initial);

    /// It holds its initial tokens at `now` and not at time 0.
    void start(time_point now) { updated_ = now; }

    /// Takes `n` tokens, which are there at the time returned: `now` when they are there already. Later ones
    /// are owed: the level goes below zero. `nullopt`, and nothing taken, when the wait would be longer than
    /// `max_wait` or `n` is more than the bucket can ever hold.
    std::optional<time_point> take(std::uint32_t n, time_point now, duration max_wait);

    /// The same for a call that does not wait. False, and nothing taken: they are not there at `now`.
    bool take_now(std::uint32_t n, time_point now)
    {
        auto const left = level_at(now) - price(n);
        if (left < 0) return false;
        set_level(left, now);
        return true;
    }

    /// When `n` tokens will be there if nobody else comes. `nullopt`: never.
    std::optional<time_point> when(std::uint32_t n, time_point now) const;

    /// Puts `n` tokens back that were taken and not used, as far as there is room for them.
    void give_back(std::uint32_t n, time_point now);

    /// Whole tokens at `now`, rounded down; negative under debt.
    std::int64_t available(time_point now) const;

private:
    /// Wide enough for 2^32 tokens that cost a day each, and for any debt that time can pay.
    __extension__ using credits = __int128;

    credits level_at(time_point now) const
    {
        auto const elapsed = std::max(duration::zero(), saturating_sub(now, updated_));
        return std::min(full_, level_ + product(elapsed.count(), tokens_));
    }
    void set_level(credits level, time_point now)
    {
        level_ = level;
        updated_ = std::max(updated_, now);
    }
    duration time_for(credits missing) const;
    credits price(std::uint32_t n) const { return product(n, per_); }

    /// Of two that are not negative: one instruction, where signs would take five.
    static credits product(std::int64_t a, std::int64_t b)
    {
        __extension__ using wide = unsigned __int128;
        return static_cast<credits>(wide{static_cast<std::uint64_t>(a)} * static_cast<std::uint64_t>(b));
    }

    std::int64_t tokens_;
    std::int64_t per_;
    std::uint32_t burst_;
    credits full_;
    credits level_; ///< At `updated_`.
    time_point updated_{};
};

} // namespace keel::policy
