#pragma once

#include <keel/core/error.hpp>
#include <keel/core/time.hpp>
#include <keel/telemetry/sink.hpp>

#include <cstdint>
#include <functional>
#include <ostream>
#include <string_view>

namespace keel::simulated {

/// Everything that happened in one world, in order, as one number (FNV-1a, 64 bits): the same number, the
/// same run. Holds no pointers and nothing whose order or value a compiler may choose.
///
/// Also a bad observer: it throws now and then, after having noted the event.
class event_log final : public telemetry::sink
{
public:
    using also = std::function<void(telemetry::event const&)>;

    /// \param text when not null, every entry is written there too
    explicit event_log(std::ostream* text = nullptr) : text_(text) {}

    void on(telemetry::event const&) override;

    /// Starts an entry of our own; `add` what it consists of, and `end` it.
    event_log& note(std::string_view what, time_point at);
    event_log& add(std::string_view name, std::int64_t number);
    event_log& add(std::string_view name, std::string_view word);
    event_log& add(std::string_view name, error_code const& e);
    void end();

    /// Who hears of every event besides.
    void tell(also whom) { also_ = std::move(whom); }

    std::uint64_t hash() const noexcept { return hash_; }
    std::uint64_t events() const noexcept { return events_; }

private:
    void mix(std::uint64_t word) noexcept;
    void mix(std::string_view text) noexcept;

    std::ostream* text_;
    also also_;
    std::uint64_t hash_ = 0xCBF29CE484222325U;
    std::uint64_t events_ = 0;
};

} // namespace keel::simulated
