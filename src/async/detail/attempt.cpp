#include <keel/async/detail/attempt.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <memory>
#include <utility>

namespace keel::detail {

/// The completion handler of the spawned coroutine. Owns the state, and with it the scope, whose signal must
/// outlive the coroutine's last step and not only its body.
class attempt_base::end
{
public:
    explicit end(std::shared_ptr<attempt_base> of) : of_(std::move(of)) {}
    end(end&&) noexcept = default;
    end& operator=(end&&) = delete;
    ~end();

    void operator()(std::exception_ptr);

private:
    std::shared_ptr<attempt_base> of_;
};

attempt_base::attempt_base(asio::any_io_executor const& executor, call_context context)
    : scope_(runtime::of(executor).scopes(), executor)
{
    scope_->context = std::move(context);
}

void attempt_base::spawn(std::shared_ptr<attempt_base> self, asio::awaitable<void> body)
{
    auto const root = self->scope_->root.slot();
    asio::co_spawn(self->scope_->executor, std::move(body), asio::bind_cancellation_slot(root, end(self)));
    self->being_spawned_ = false;
}

void attempt_base::cancel()
{
    if (std::exchange(cancel_wanted_, true)) return;
    if (!finished_) scope_->cancel(asio::cancellation_type::terminal);
}

attempt_base::end::~end()
{
    if (!of_) return;
    if (auto* const waiting = std::exchange(of_->waiting_, nullptr)) waiting->drop();
}

void attempt_base::end::operator()(std::exception_ptr)
{
    auto const over = std::move(of_);
    if (auto* const waiting = std::exchange(over->waiting_, nullptr)) waiting->resume();
}

} // namespace keel::detail
