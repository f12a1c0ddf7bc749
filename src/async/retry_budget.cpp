#include <keel/async/retry_budget.hpp>

#include <atomic>
#include <mutex>
#include <utility>

namespace keel {

struct retry_budget::cell
{
    explicit cell(retry_budget_options options)
        : machine(std::move(options)),
          counts_calls(machine.counts_calls()),
          full(machine.is_full())
    {}

    template <class Verb>
    auto locked(Verb verb)
    {
        std::lock_guard lock(mutex);
        struct note
        {
            cell& of;
            ~note() { of.full.store(of.machine.is_full(), std::memory_order_relaxed); }
        } const afterwards{*this};
        return verb(machine);
    }

    std::mutex mutex;
    policy::retry_budget machine;
    bool const counts_calls;
    /// A success would change nothing: the usual state, in which the calls do not take the lock.
    std::atomic<bool> full;
};

retry_budget::retry_budget(retry_budget_options options) : cell_(std::make_shared<cell>(std::move(options)))
{}

retry_budget_snapshot retry_budget::snapshot(time_point now) const
{
    return cell_->locked([&](auto& m) { return m.snapshot(now); });
}

std::string_view retry_budget::state_to_keep(time_point now) const noexcept
{
    return cell_->locked([&](auto& m) { return m.is_spent(now); }) ? "spent" : std::string_view();
}

void retry_budget::call_started(moment& now) const
{
    if (cell_->counts_calls) cell_->locked([at = now()](auto& m) { m.call_started(at); });
}

void retry_budget::call_ended() const
{
    if (cell_->counts_calls) cell_->locked([](auto& m) { m.call_ended(); });
}

void retry_budget::succeeded(std::size_t refund) const
{
    if (cell_->full.load(std::memory_order_relaxed)) return;
    cell_->locked([&](auto& m) { m.succeeded(refund); });
}

void retry_budget::failed() const
{
    cell_->locked([](auto& m) { m.failed(); });
}

bool retry_budget::has_retry(policy::retry_cause cause, moment& now) const
{
    return cell_->locked([&, at = now()](auto& m) { return m.has_retry(cause, at); });
}

bool retry_budget::try_retry(policy::retry_cause cause, moment& now) const
{
    return cell_->locked([&, at = now()](auto& m) { return m.try_retry(cause, at); });
}

void retry_budget::retry_ended() const
{
    cell_->locked([](auto& m) { m.retry_ended(); });
}

std::size_t retry_budget::cost(policy::retry_cause cause) const { return cell_->machine.cost(cause); }

} // namespace keel
