#pragma once

#include <keel/telemetry/sink.hpp>

#include <atomic>
#include <memory>
#include <mutex>

namespace keel::detail {

/// The sink that a policy was given by `observe`, if any. Thread-safe; whoever asks while there is none takes
/// no lock.
class observer_slot
{
public:
    // The sink it had goes away with the argument, when the lock is gone: it is the user's code that ends
    // there.
    void set(std::shared_ptr<telemetry::sink> sink)
    {
        std::lock_guard lock(mutex_);
        sink_.swap(sink);
        taken_.store(sink_ != nullptr, std::memory_order_release);
    }

    std::shared_ptr<telemetry::sink> get() const
    {
        if (!taken_.load(std::memory_order_acquire)) return nullptr;
        std::lock_guard lock(mutex_);
        return sink_;
    }

private:
    mutable std::mutex mutex_;
    std::shared_ptr<telemetry::sink> sink_;
    std::atomic<bool> taken_{false};
};

} // namespace keel::detail
