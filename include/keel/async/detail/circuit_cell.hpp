#pragma once

#include <keel/async/circuit_breaker.hpp>
#include <keel/async/gate.hpp>
#include <keel/telemetry/sink.hpp>

#include <memory>
#include <string_view>

namespace keel {

/// What a handle refers to: a circuit of its own, or one that a registry keeps. Thread-safe.
class circuit_breaker::cell : public gate
{
public:
    std::string_view name() const noexcept final { return options().name; }
    part_description describe() const final;
    verdict narrow(verdict, failure const&) const final;
    /// What a closed circuit remembers of long ago is no loss.
    std::string_view state_to_keep(time_point) const noexcept override;

    virtual circuit_breaker_options const& options() const noexcept = 0;
    virtual circuit_state state() const noexcept = 0;
    virtual circuit_breaker_snapshot snapshot(time_point) const = 0;
    virtual void force(bool open, time_point) = 0;
    virtual void observe(std::shared_ptr<telemetry::sink>) = 0;
};

} // namespace keel

namespace keel::detail {

/// Tells of a circuit what its users want to know; never under a lock.
class circuit_reporter
{
public:
    /// \param own the circuit's own sink, which hears instead of the caller's. May be null.
    /// \param key which of a registry's circuits it is. Empty outside of one.
    circuit_reporter(circuit_breaker_options const& o, telemetry::sink* own, visit const& v,
                     std::string_view key = {}) noexcept
        : options_(o),
          own_(own),
          visit_(v),
          key_(key)
    {}

    void changed(circuit_transition) const noexcept;
    void was_reset() const noexcept;
    void ignored() const noexcept;
    /// In a pipeline, the pipeline tells of it.
    void refused(admission const&) const noexcept;

private:
    telemetry::origin by() const noexcept;

    circuit_breaker_options const& options_;
    telemetry::sink* own_;
    visit const& visit_;
    std::string_view key_;
};

} // namespace keel::detail
