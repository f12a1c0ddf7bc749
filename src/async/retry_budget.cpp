#include <keel/async/retry_budget.hpp>

#include <atomic>
#include <mutex>
#include <utility>

namespace keel {

struct retry_budget::cell : front
{
    explicit cell(policy::retry_budget m) : front{m.counts_calls(), m.is_full()}, machine(std::move(m)) {}

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
};

retry_budget::retry_budget(retry_budget_options options)
    : shared_(std::make_shared<cell>(policy::retry_budget(std::move(options))))
{}

retry_budget::cell& retry_budget::behind() const noexcept { return static_cast<cell&>(*shared_); }

retry_budget_snapshot retry_budget::snapshot(time_point now) const
{
    return behind().locked([&](auto& m) { return m.snapshot(now); });
}

std::string_view retry_budget::kind() const noexcept { return name_of_kind(behind().machine.options()); }

std::string_view retry_budget::state_to_keep(time_point now) const noexcept
{
    return behind().locked([&](auto& m) { return m.is_spent(now); }) ? "spent" : std::string_view();
}

void retry_budget::note_start(moment& now) const
{
    behind().locked([at = now()](auto& m) { m.call_started(at); });
}

void retry_budget::note_end() const
{
    behind().locked([](auto& m) { m.call_ended(); });
}

void retry_budget::note_success(std::size_t refund) const
{
    behind().locked([&](auto& m) { m.succeeded(refund); });
}

void retry_budget::failed() const
{
    behind().locked([](auto& m) { m.failed(); });
}

bool retry_budget::has_retry(policy::retry_cause cause, moment& now) const
{
    return behind().locked([&, at = now()](auto& m) { return m.has_retry(cause, at); });
}

bool retry_budget::try_retry(policy::retry_cause cause, moment& now) const
{
    return behind().locked([&, at = now()](auto& m) { return m.try_retry(cause, at); });
}

void retry_budget::retry_ended() const
{
    behind().locked([](auto& m) { m.retry_ended(); });
}

std::size_t retry_budget::cost(policy::retry_cause cause) const { return behind().machine.cost(cause); }

} // namespace keel
