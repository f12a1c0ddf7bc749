#include <keel/async/detail/attempt.hpp>

#include <utility>

namespace keel::detail {

void attempt_base::cancel()
{
    if (std::exchange(cancel_wanted_, true)) return;
    if (!finished_) scope_->cancel(asio::cancellation_type::terminal);
}

bool attempt_base::begin(asio::cancellation_slot own) noexcept { return scope_->begin(own); }

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
