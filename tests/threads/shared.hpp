#pragma once

#include <keel/keel.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace keel::threads {

namespace asio = boost::asio;

/// The policies that all callers share, and what they count together.
class shared
{
public:
    shared();

    std::vector<pipeline> const& pipelines() const noexcept { return pipelines_; }

    std::atomic<std::uint64_t> started{0};
    std::atomic<std::uint64_t> ended{0};
    std::atomic<std::uint64_t> ok{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<std::uint64_t> cancelled{0};
    std::atomic<std::uint64_t> by_timeout{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> wrong{0};  ///< Ends that must not be.
    std::atomic<std::int64_t> running{0}; ///< Operations.
    std::atomic<std::int64_t> inside{0};  ///< Operations behind the bulkhead that abandons nothing ...
    std::atomic<std::int64_t> most_inside{0};

    static constexpr std::int64_t most = 8; ///< ... which lets in so many.

    /// \returns how many promises were not kept
    int report(std::ostream&, std::uint64_t calls) const;

private:
    circuit_breaker breaker_;
    bulkhead compartment_;
    bulkhead abandoned_;
    rate_limiter limiter_;
    retry_budget budget_;
    std::vector<pipeline> pipelines_;
};

} // namespace keel::threads
