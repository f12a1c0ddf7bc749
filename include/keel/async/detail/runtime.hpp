#pragma once

#include <keel/async/detail/parking_list.hpp>
#include <keel/async/detail/reserved_block.hpp>
#include <keel/async/detail/scope.hpp>
#include <keel/async/time_source.hpp>
#include <keel/core/chance.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>

namespace keel::detail {

class live_calls;
class random_engine;
class parking;

/// What Keel keeps per execution context: the time source, the source of chance, and the coroutines it has
/// parked. Asio does not know those, so this service is what ends them when the context is destroyed; without
/// it, a frame that owns the bulkhead whose queue holds the frame's handler would leak. Thread-safe.
class runtime : public asio::execution_context::service
{
public:
    static asio::execution_context::id id;

    explicit runtime(asio::execution_context&);
    ~runtime() override;

    /// The runtime of the executor's context. Remembered per thread, so the second look costs a comparison.
    static runtime& of(asio::any_io_executor const&);
    static runtime& of(asio::execution_context&);

    /// How many have ended in this process. What was found of one is still there while this has not changed.
    static std::uint64_t ended() noexcept { return ended_.load(std::memory_order_acquire); }

    time_source& time() noexcept { return time_; }

    std::shared_ptr<scope_pool> const& scopes() const noexcept { return scopes_; }

    /// The calls on their way, if somebody wants to know them. Null: nobody does.
    live_calls* live() const noexcept { return live_.load(std::memory_order_acquire); }
    void keep_track_of_calls();

    chance draw();
    void seed(std::uint64_t);

    /// The context is being destroyed.
    bool is_going_away() const noexcept { return down_; }

    /// The coroutine is parked, and is to be ended with the context.
    void enlist(parking&) noexcept;
    /// It is not parked any more. On its executor.
    void strike(parking&) noexcept;

    /// Continues a parked coroutine soon, on its executor: at the end of the `hand_over` that this thread is
    /// in, or by a post. From any thread.
    /// \throws std::bad_alloc as `wake_by_post`
    void wake(parking&);
    /// Those whose executor is the context's own are continued together, one after the other by one post,
    /// which cannot run out of memory.
    /// \throws std::bad_alloc for another executor; then it is not continued
    void wake_by_post(parking&);

    /// Has the context's `run` throw this soon, as if a handler of its own had thrown it.
    /// \param own the context's executor
    /// \throws std::bad_alloc only if another one is on its way already
    void throw_from_run(std::exception_ptr, asio::io_context::executor_type const& own);

private:
    void shutdown() override;
    void post_continuation(asio::io_context::executor_type const&);
    void continue_woken(asio::io_context::executor_type const&);
    bool still_continuing() noexcept;
    void throw_what_was_thrown();
    parking* next_woken() noexcept;

    static std::atomic<std::uint64_t> ended_;

    time_source& time_;
    std::mutex mutex_;
    std::unique_ptr<random_engine> const random_;
    std::shared_ptr<scope_pool> scopes_;
    std::unique_ptr<live_calls> calls_;
    std::atomic<live_calls*> live_{nullptr};
    parking_list parked_;
    parking_list woken_;
    std::exception_ptr thrown_;
    bool continuing_ = false; ///< A post that continues the woken, and throws that, is on its way.
    reserved_block for_continuing_;
    bool down_ = false; ///< Set by the thread that destroys the context.
};

} // namespace keel::detail
