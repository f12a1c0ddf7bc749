#pragma once

#include <keel/async/call_context.hpp>
#include <keel/async/detail/parking.hpp>
#include <keel/async/detail/runtime.hpp>
#include <keel/async/detail/scope.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace keel::detail {

/// An operation that is sent to another executor, and the call that waits for it on its own. What the two
/// share is behind a mutex; the result is the operation's until the errand is over, and the caller's from
/// then on. The operation's cancellation signal is touched on the operation's strand only.
///
/// Either side's context may go away first: then the caller is told that the operation was aborted, or the
/// operation is asked to stop and nobody is told.
class errand_base : public std::enable_shared_from_this<errand_base>
{
public:
    explicit errand_base(call_context context) : context_(std::move(context)) {}
    errand_base(errand_base const&) = delete;
    errand_base& operator=(errand_base const&) = delete;
    virtual ~errand_base() = default;

    /// `who` is woken when the errand is over. False: it is over already. Null: nobody waits any more.
    bool waited_for_by(parking* who);

    /// Asks the operation to stop; one that has not begun is over at once. From the caller's side.
    /// \throws std::bad_alloc; then it has not been asked, and may be again
    void cancel();
    /// The same where nobody could be told that there is no memory to ask.
    void cancel_if_possible() noexcept;

    /// Whoever holds it is to run the errand. If it is destroyed, the errand is over.
    class bearer
    {
    public:
        explicit bearer(std::shared_ptr<errand_base> of) : of_(std::move(of)) {}
        bearer(bearer&&) noexcept = default;
        bearer& operator=(bearer&&) = delete;
        ~bearer()
        {
            if (of_) of_->finish();
        }

        /// Runs it, on this strand.
        void begin(asio::any_io_executor const& strand) &&;

    private:
        std::shared_ptr<errand_base> of_;
    };

protected:
    /// The operation's root coroutine.
    virtual asio::awaitable<void> body() = 0;

    /// The scope of that coroutine, from there.
    scope_ref where() const noexcept { return where_; }

private:
    class end;

    void finish() noexcept;
    void cancel_here();

    std::mutex mutex_;
    parking* waiting_ = nullptr;
    bool over_ = false;
    bool cancel_wanted_ = false;
    /// While the operation runs. Not longer: a strand must not outlive its context.
    std::optional<asio::any_io_executor> strand_;

    call_context context_;
    scope_ref where_;
};

/// The caller's place to wait for an errand. A cancellation is passed on; the wait goes on until the
/// operation has made of it what it will.
class errand_wait final : public parking
{
public:
    errand_wait(asio::any_io_executor const& executor, std::shared_ptr<errand_base> what)
        : parking(executor, runtime::of(executor)),
          what_(std::move(what))
    {}
    ~errand_wait() { what_->waited_for_by(nullptr); }

    bool begin() { return what_->waited_for_by(this); }

private:
    void reached() override {}
    void cancelled() override { what_->cancel(); }
    void dropped() noexcept override;

    std::shared_ptr<errand_base> what_;
};

} // namespace keel::detail
