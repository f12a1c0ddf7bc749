#include <keel/async/detail/brief_lock.hpp>

#include <chrono>
#include <thread>

namespace keel::detail {

void brief_lock::wait() const noexcept
{
    constexpr auto spins = 100;
    constexpr auto yields = 200;
    for (auto looks = 0; taken_.load(std::memory_order_relaxed); ++looks) {
        if (looks < spins) continue;
        if (looks < yields)
            std::this_thread::yield();
        else
            std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
}

} // namespace keel::detail
