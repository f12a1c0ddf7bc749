#pragma once

#include <keel/async/detail/function_queue.hpp>
#include <keel/async/limited_executor_options.hpp>
#include <keel/core/error.hpp>

#include <boost/asio/execution/allocator.hpp>
#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution/relationship.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/recycling_allocator.hpp>
#include <boost/asio/require.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <type_traits>
#include <utility>

namespace keel {
namespace asio = boost::asio;
}

namespace keel::detail {

class limiter;
class limiter_registry;

/// The right to run one function after the other, of which a limiter has `max_running`, and the function that
/// is to run next. Empty when there is none: then the right has gone back.
class lane
{
public:
    lane() = default;
    lane(std::shared_ptr<limiter> of, function_ptr first) noexcept
        : limiter_(std::move(of)),
          function_(std::move(first))
    {}
    lane(lane&&) noexcept = default;
    lane& operator=(lane&&) = delete;
    /// A function that has not run goes back to the head of the queue.
    ~lane();

    explicit operator bool() const noexcept { return function_ != nullptr; }

    /// Runs the function. After it, also after one that throws, the lane has the next one or is empty.
    void run();

private:
    std::shared_ptr<limiter> limiter_;
    function_ptr function_;
};

/// A place for a function that is yet to be built, so that a function is left alone unless it is taken.
class reservation
{
public:
    explicit reservation(limiter&);
    reservation(reservation const&) = delete;
    reservation& operator=(reservation const&) = delete;
    ~reservation();

    /// Why there is no place: `errc::queue_full`, or `operation_aborted` when the context is going away.
    error_code error() const noexcept { return error_; }

private:
    friend class limiter;

    limiter& limiter_;
    error_code error_;
    bool held_ = false;
};

/// What the copies of a limited executor share: free lanes, and the functions that wait for one. Thread-safe.
/// No function is run or destroyed under its lock.
///
/// Every limiter is known to a service of its execution context. When the context is destroyed, the functions
/// that wait are destroyed, and from then on each function that comes.
class limiter : public std::enable_shared_from_this<limiter>
{
public:
    static std::shared_ptr<limiter> make(asio::execution_context&, limited_executor_options);

    limiter(std::shared_ptr<limiter_registry>, limited_executor_options);
    limiter(limiter const&) = delete;
    limiter& operator=(limiter const&) = delete;
    ~limiter();

    struct taken
    {
        lane start;           ///< To be run, if not empty: with the function at the head of the queue.
        std::uint64_t number; ///< For `withdraw`.
    };

    /// Queues a function. If the context is going away, it is left with the caller instead.
    /// \param place is used up
    taken take(function_ptr& f, reservation* place = nullptr);

    /// A lane for a function that waits, if both are there. Empty: not so.
    lane start_waiting();

    /// Takes a function that has not begun out of the queue again. Null: it is not in it.
    function_ptr withdraw(std::uint64_t number);

    /// Is this thread inside one of the limiter's functions?
    bool runs_here() const noexcept;

    limited_executor_options const& options() const noexcept { return options_; }
    limited_executor_snapshot snapshot() const;

private:
    friend class lane;
    friend class reservation;
    friend class limiter_registry;

    function_ptr next() noexcept;
    void give_back(function_ptr& f) noexcept;
    error_code reserve();
    void unreserve() noexcept;
    bool has_room() const noexcept;
    void shut_down(function_queue& left);

    limited_executor_options const options_;
    mutable std::mutex mutex_;
    function_queue queue_;
    std::size_t lanes_ = 0; ///< In use.
    std::size_t reserved_ = 0;
    bool down_ = false;

    std::shared_ptr<limiter_registry> const registry_;
    limiter* previous_ = nullptr; ///< These two belong to the registry.
    limiter* next_ = nullptr;
};

/// A lane on its way through an executor: runs one function, then gets in line again, so that others who use
/// the executor have their turn.
template <class Executor>
class lane_on
{
public:
    lane_on(Executor const& executor, lane l)
        : executor_(asio::prefer(executor, asio::execution::outstanding_work.tracked)),
          lane_(std::move(l))
    {}

    void operator()()
    {
        try {
            lane_.run();
        } catch (...) {
            get_in_line();
            throw;
        }
        get_in_line();
    }

private:
    void get_in_line()
    {
        if (!lane_) return;
        asio::prefer(asio::require(executor_, asio::execution::blocking.never),
                     asio::execution::relationship.continuation,
                     asio::execution::allocator(asio::recycling_allocator<void>()))
            .execute(std::move(*this));
    }

    using tracked = std::decay_t<
        typename asio::prefer_result<Executor const&, asio::execution::outstanding_work_t::tracked_t>::type>;

    tracked executor_;
    lane lane_;
};

} // namespace keel::detail
