#include <keel/async/detail/brief_lock.hpp>

#include <chrono>
#include <thread>

namespace keel::detail {

// Sleeps in the end: yielding gives nothing to a holder of lower priority that has lost its processor.
void brief_lock::wait() noexcept
{
    constexpr auto spins = 100;
    constexpr auto yields = 100;
    for (auto tries = 0; taken_.load(std::memory_order_relaxed) || !take(); ++tries) {
        if (tries < spins) continue;
        if (tries < spins + yields)
            std::this_thread::yield();
        else
            std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
}

} // namespace keel::detail
