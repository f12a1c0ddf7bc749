#include <keel/async/detail/live_calls.hpp>

#include <boost/asio/post.hpp>

#include <utility>
#include <vector>

namespace keel::detail {

bool live_calls::join(live_call& c, asio::any_io_executor const& executor, bool inside_another)
{
    std::lock_guard lock(mutex_);
    if (doors_ == doors::closed || (doors_ == doors::closing && !inside_another)) return false;
    all_.emplace(last_ + 1, entry{&c, executor});
    c.number_ = ++last_;
    return true;
}

void live_calls::leave(live_call& c) noexcept
{
    if (c.number_ == 0) return;
    std::lock_guard lock(mutex_);
    auto const at = all_.find(c.number_);
    ++(at->second.called_off ? ended_.called_off : ended_.by_themselves);
    all_.erase(at);
    if (!all_.empty() || !tell_) return;
    auto const tell = std::exchange(tell_, nullptr);
    tell();
}

void live_calls::close()
{
    std::lock_guard lock(mutex_);
    if (doors_ == doors::open) doors_ = doors::closing;
    ended_ = {};
}

bool live_calls::begin_draining() noexcept
{
    std::lock_guard lock(mutex_);
    return !std::exchange(draining_, true);
}

void live_calls::drained() noexcept
{
    std::lock_guard lock(mutex_);
    draining_ = false;
}

live_calls::ends live_calls::ended() const
{
    std::lock_guard lock(mutex_);
    return ended_;
}

std::size_t live_calls::size() const
{
    std::lock_guard lock(mutex_);
    return all_.size();
}

void live_calls::call_off_all()
{
    std::vector<std::pair<std::uint64_t, asio::any_io_executor>> them;
    {
        std::lock_guard lock(mutex_);
        doors_ = doors::closed;
        them.reserve(all_.size());
        for (auto& [number, e] : all_) {
            e.called_off = true;
            them.emplace_back(number, e.executor);
        }
    }
    for (auto const& [number, executor] : them) asio::post(executor, [this, id = number] { call_off(id); });
}

// On the call's executor, where alone it can end: it is still there when the lock is gone.
void live_calls::call_off(std::uint64_t number)
{
    live_call* found = nullptr;
    {
        std::lock_guard lock(mutex_);
        auto const at = all_.find(number);
        if (at != all_.end()) found = at->second.call;
    }
    if (found) found->call_off();
}

void live_calls::when_empty(std::function<void()> tell)
{
    std::lock_guard lock(mutex_);
    if (all_.empty()) return tell();
    tell_ = std::move(tell);
}

bool live_calls::forget_when_empty() noexcept
{
    std::lock_guard lock(mutex_);
    return std::exchange(tell_, nullptr) != nullptr;
}

} // namespace keel::detail
