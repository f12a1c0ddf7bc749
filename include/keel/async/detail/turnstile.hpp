#pragma once

#include <keel/async/detail/one_thread.hpp>
#include <keel/policy/bulkhead.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

namespace keel::detail {

/// The way into a bulkhead in front of which nobody waits: a number of free units, taken and put back without
/// a lock. Or it is shut, and whoever comes must ask the machine.
///
/// Why this decides as the machine would:
/// - All is in one word, and nobody changes it while it is shut but `open`. So the units are either in the
///   word or in the machine, never in both, and none is lost between them.
/// - It is open only while nobody waits and no more is in flight than is admitted. Then the number of free
///   units alone decides, and a compare-exchange that succeeds saw that number at that instant: whatever
///   happened since it was read, a queue that came and went or a new size, has come to the same.
/// - Whoever begins to wait has shut it before, and it stays shut for as long as anybody waits. So nobody
///   overtakes, and every unit that is put back meanwhile goes through the machine, which hands it over.
///
/// `open` and `shut` under the lock of the machine; all else on any thread.
class turnstile
{
public:
    enum class answer : std::uint8_t
    {
        taken,
        full,
        shut,
    };

    answer take(std::uint32_t weight) noexcept
    {
        auto free = free_.load(std::memory_order_relaxed);
        while (free != is_shut) {
            if (!policy::bulkhead::fits(weight, free)) return answer::full;
            if (replace(free_, free, free - weight, std::memory_order_acquire)) return answer::taken;
        }
        return answer::shut;
    }

    /// False: it is shut.
    bool put_back(std::uint32_t weight) noexcept
    {
        auto free = free_.load(std::memory_order_relaxed);
        while (free != is_shut)
            if (replace(free_, free, free + weight, std::memory_order_release)) return true;
        return false;
    }

    /// \returns the units that were free, which the machine has from now on; nothing if it has them already
    std::optional<std::size_t> shut() noexcept
    {
        if (!free()) return std::nullopt;
        return free_.exchange(is_shut, std::memory_order_acquire);
    }

    /// The machine has these no more. The largest of all bulkheads stays shut: its units have no number left
    /// that could say so.
    /// \param all the size of the bulkhead
    void open(std::size_t free, std::size_t all) noexcept
    {
        if (all < is_shut) free_.store(free, std::memory_order_release);
    }

    /// Nothing: it is shut.
    std::optional<std::size_t> free() const noexcept
    {
        auto const seen = free_.load(std::memory_order_relaxed);
        return seen == is_shut ? std::nullopt : std::optional(seen);
    }

private:
    static constexpr auto is_shut = std::numeric_limits<std::size_t>::max();

    std::atomic<std::size_t> free_{is_shut};
};

} // namespace keel::detail
