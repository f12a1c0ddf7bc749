// A gate of one's own that keeps calls waiting: one at a time goes in, in order.

#include "check.hpp"

#include <keel/keel.hpp>

#include <boost/asio/detached.hpp>

#include <chrono>
#include <iostream>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace asio = boost::asio;

// [gate]
/// One call at a time, whatever threads they come from; the others wait in order.
class one_at_a_time final : public keel::gate
{
public:
    std::string_view name() const noexcept override { return "one_at_a_time"; }
    bool holds_capacity() const noexcept override { return true; }
    std::string_view state_to_keep(keel::time_point) const noexcept override { return ""; }

    keel::admission admit(keel::visit const& v) override
    {
        std::lock_guard const lock(mutex_);
        if (!std::exchange(taken_, true)) return keel::admission::granted({});
        if (!v.waiter) return keel::admission::refused(keel::errc::bulkhead_full);
        queue_.push_back(*v.waiter);
        v.waiter->queued = true;
        return keel::admission::queued();
    }

    void settle(keel::grant const&, keel::verdict, keel::visit const&) noexcept override
    {
        std::lock_guard const lock(mutex_);
        auto* const next = static_cast<keel::turn_waiter*>(queue_.pop_front());
        taken_ = next != nullptr;
        if (!next) return;
        next->queued = false;
        next->granted = true; // `pass` stays empty: this gate does not tell its permits apart
        next->turn_came();
    }

    bool withdraw(keel::turn_waiter& w, keel::visit const&) noexcept override
    {
        std::lock_guard const lock(mutex_);
        if (!w.queued) return false; // it has been told
        queue_.remove(w);
        w.queued = false;
        return true;
    }

private:
    std::mutex mutex_;
    bool taken_ = false;
    keel::waiter_list queue_;
};
// [/gate]

asio::awaitable<void> note(std::vector<int>* order, int number)
{
    order->push_back(number);
    co_await keel::sleep_for(std::chrono::milliseconds(1));
    order->push_back(number);
}

asio::awaitable<void> example()
{
    keel::pipeline const in_turn{std::shared_ptr<keel::gate>(std::make_shared<one_at_a_time>())};
    std::vector<int> order;
    auto const executor = co_await asio::this_coro::executor;
    in_turn.async_run(executor, [&order] { return note(&order, 1); }, asio::detached);
    in_turn.async_run(executor, [&order] { return note(&order, 2); }, asio::detached);
    co_await in_turn(note, &order, 3);
    for (auto const number : order) std::cout << number << ' ';
    std::cout << '\n';
    check(order == std::vector{1, 1, 2, 2, 3, 3}, "one after the other");
}
