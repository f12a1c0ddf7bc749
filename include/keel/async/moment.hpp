#pragma once

#include <keel/async/time_source.hpp>
#include <keel/core/time.hpp>

namespace keel {

/// What time it is for one step of a call: the clock is read when somebody first asks, and everybody who asks
/// after that is told the same. A call that meets nobody who asks does not read the clock at all.
///
/// For one thread. Refers to its time source, which must outlive it.
class moment
{
public:
    /// Now, by the clock of the machine.
    moment() noexcept : known_(false) {}
    /// Now, by this clock.
    explicit moment(time_source const& clock) noexcept : clock_(&clock), known_(false) {}
    /// A time that is known already.
    moment(time_point at) noexcept : at_(at), is_given_(true), known_(true) {}

    time_point operator()() noexcept
    {
        if (!known_) read();
        return at_;
    }

    /// Time has gone by: the next to ask makes the clock be read again.
    void pass() noexcept { known_ = is_given_; }

private:
    void read() noexcept
    {
        at_ = clock_ ? clock_->now() : steady_now();
        known_ = true;
    }

    time_source const* clock_ = nullptr;
    time_point at_{};
    bool is_given_ = false;
    bool known_;
};

} // namespace keel
