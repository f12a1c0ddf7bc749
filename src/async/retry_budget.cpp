#include <keel/async/retry_budget.hpp>

#include <mutex>
#include <utility>

namespace keel {

struct retry_budget::cell
{
    explicit cell(retry_budget_options options) : machine(std::move(options)) {}

    template <class Verb>
    auto locked(Verb verb)
    {
        std::lock_guard lock(mutex);
        return verb(machine);
    }

    std::mutex mutex;
    policy::retry_budget machine;
};

retry_budget::retry_budget(retry_budget_options options) : cell_(std::make_shared<cell>(std::move(options)))
{}

retry_budget_snapshot retry_budget::snapshot(time_point now) const
{
    return cell_->locked([&](auto& m) { return m.snapshot(now); });
}

void retry_budget::call_started(time_point now) const
{
    cell_->locked([&](auto& m) { m.call_started(now); });
}

void retry_budget::call_ended() const
{
    cell_->locked([](auto& m) { m.call_ended(); });
}

void retry_budget::succeeded(std::size_t refund) const
{
    cell_->locked([&](auto& m) { m.succeeded(refund); });
}

void retry_budget::failed() const
{
    cell_->locked([](auto& m) { m.failed(); });
}

bool retry_budget::has_retry(policy::retry_cause cause, time_point now) const
{
    return cell_->locked([&](auto& m) { return m.has_retry(cause, now); });
}

bool retry_budget::try_retry(policy::retry_cause cause, time_point now) const
{
    return cell_->locked([&](auto& m) { return m.try_retry(cause, now); });
}

void retry_budget::retry_ended() const
{
    cell_->locked([](auto& m) { m.retry_ended(); });
}

std::size_t retry_budget::cost(policy::retry_cause cause) const { return cell_->machine.cost(cause); }

} // namespace keel
