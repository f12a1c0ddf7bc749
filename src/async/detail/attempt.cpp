#include <keel/async/detail/attempt.hpp>

#include <utility>

namespace keel::detail {

// Asio 1.26 cannot cancel a spawned coroutine that has not begun: it would lose the completion.
void attempt_base::cancel()
{
    if (std::exchange(cancel_wanted_, true)) return;
    if (started_ && !finished_) signal_.emit(asio::cancellation_type::terminal);
}

bool attempt_base::begin() noexcept
{
    started_ = true;
    return !cancel_wanted_;
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
