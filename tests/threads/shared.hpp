#pragma once

#include <keel/keel.hpp>

#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <cstdint>
#include <ostream>
#include <string_view>
#include <vector>

namespace keel::threads {

namespace asio = boost::asio;

/// The policies that all callers share, and what they count together.
class shared
{
public:
    shared();

    /// What a call goes through. One of the first two lets in no more than `most` together, all of whose
    /// operations end with their calls.
    static constexpr std::size_t kinds = 7;
    pipeline through(std::size_t kind, std::uint32_t chance) const;

    /// What runs elsewhere has ended.
    void join() { pool_.join(); }

    std::atomic<std::uint64_t> started{0};
    std::atomic<std::uint64_t> ended{0};
    std::atomic<std::uint64_t> ok{0};
    std::atomic<std::uint64_t> failed{0};
    std::atomic<std::uint64_t> cancelled{0};
    std::atomic<std::uint64_t> by_timeout{0};
    std::atomic<std::uint64_t> answered{0}; ///< By a fallback.
    std::atomic<bool> stopping{false};
    std::atomic<std::uint64_t> stopped{0};    ///< Ended by a stop,
    std::atomic<std::uint64_t> called_off{0}; ///< and these had started their operation.
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> wrong{0};  ///< Ends that must not be.
    std::atomic<std::int64_t> running{0}; ///< Operations.
    std::atomic<std::int64_t> inside{0};  ///< Operations behind the bulkhead that abandons nothing ...
    std::atomic<std::int64_t> most_inside{0};

    static constexpr std::int64_t most = 32; ///< ... which lets in so many.

    /// \param drained what a graceful stop has told. Null: there was none
    /// \returns how many promises were not kept
    int report(std::ostream&, std::uint64_t calls, drain_report const* drained) const;

private:
    pipeline for_host(std::string_view host) const;

    asio::thread_pool pool_{2};
    circuit_breaker breaker_;
    bulkhead compartment_;
    bulkhead abandoned_;
    rate_limiter limiter_;
    retry_budget budget_;
    bulkhead elsewhere_;
    circuit_breaker_registry hosts_;
    pipeline_family per_host_;
    std::vector<pipeline> pipelines_;
};

} // namespace keel::threads
