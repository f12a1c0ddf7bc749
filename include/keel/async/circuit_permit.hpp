#pragma once

#include <keel/async/moment.hpp>
#include <keel/core/error.hpp>
#include <keel/core/time.hpp>
#include <keel/core/verdict.hpp>

#include <cstdint>
#include <optional>
#include <utility>

namespace keel {

namespace detail {
class circuit_shard;
struct circuit_entry;
} // namespace detail

/// The answer of a `circuit_breaker_registry`: a permit of one of its breakers, or a refusal.
///
/// As `permit`: settled once with what became of the call, as *ignored* if it is dropped. It goes back to its
/// breaker without looking the key up again, and keeps alive what it needs for that, also when the registry
/// is gone. Move-only; not thread-safe itself.
class [[nodiscard]] circuit_permit
{
public:
    /// Neither a permit nor a refusal: no error.
    circuit_permit() = default;
    circuit_permit(circuit_permit&& other) noexcept
        : shard_(std::exchange(other.shard_, nullptr)),
          entry_(other.entry_),
          generation_(other.generation_),
          at_(other.at_),
          why_(other.why_),
          knows_when_(other.knows_when_)
    {}

    circuit_permit& operator=(circuit_permit&& other) noexcept
    {
        if (this == &other) return *this;
        drop();
        shard_ = std::exchange(other.shard_, nullptr);
        entry_ = other.entry_;
        generation_ = other.generation_;
        at_ = other.at_;
        why_ = other.why_;
        knows_when_ = other.knows_when_;
        return *this;
    }

    ~circuit_permit() { drop(); }

    /// True while it is a permit that has not been settled.
    explicit operator bool() const noexcept { return shard_ != nullptr; }

    /// Why it was refused. No error when it was granted.
    error_code error() const noexcept { return why_ == errc{} ? error_code{} : error_code(why_); }

    /// When it is worth asking again, if the breaker knows.
    std::optional<time_point> retry_at() const noexcept
    {
        return knows_when_ ? std::optional(at_) : std::nullopt;
    }

    /// The call ended at `now`. Does nothing the second time, or for a refusal.
    void settle(verdict v, time_point now)
    {
        moment at(now);
        if (shard_) come_home(v, at);
    }

    /// The call ended just now, by the machine's clock, which is read if the breaker needs it.
    void settle(verdict v)
    {
        moment at;
        if (shard_) come_home(v, at);
    }

private:
    friend class detail::circuit_shard;
    friend class circuit_breaker_registry;

    circuit_permit(detail::circuit_shard& from, detail::circuit_entry& of, std::uint64_t generation,
                   time_point granted) noexcept
        : shard_(&from),
          entry_(&of),
          generation_(generation),
          at_(granted)
    {}
    circuit_permit(errc why, std::optional<time_point> retry_at) noexcept
        : at_(retry_at.value_or(time_point())),
          why_(why),
          knows_when_(retry_at.has_value())
    {}

    void drop() noexcept
    {
        moment at(at_);
        if (shard_) come_home(verdict::ignored, at);
    }
    void come_home(verdict, moment&) noexcept;

    detail::circuit_shard* shard_ = nullptr;
    detail::circuit_entry* entry_ = nullptr;
    std::uint64_t generation_ = 0;
    time_point at_{}; ///< When it was granted; of a refusal, when to ask again.
    errc why_{};
    bool knows_when_ = false;
};

} // namespace keel
