#pragma once

#include <latch>
#include <thread>

namespace keel {

/// Runs `work(0)` and `work(1)`, each on a thread of its own, from the same moment on.
template <class Work>
void on_two_threads(Work const& work)
{
    std::latch ready(2);
    auto const begin = [&](unsigned thread) {
        ready.arrive_and_wait();
        work(thread);
    };
    std::thread one(begin, 0U);
    std::thread two(begin, 1U);
    one.join();
    two.join();
}

} // namespace keel
