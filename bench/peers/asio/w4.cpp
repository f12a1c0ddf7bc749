// W4 by hand: 1,000 callers and 100 permits, kept by a channel or by a queue of handlers; the operation
// suspends once.

#include "policies.hpp"

#include <boost/asio/experimental/channel.hpp>

#include <deque>
#include <functional>
#include <memory>

namespace peer {
namespace {

awaitable<void> bare_often(std::uint64_t calls)
{
    for (; calls != 0; --calls) co_await asio::post(use_awaitable);
}

void bare(benchmark::State& state)
{
    bench::run_crowd(state, bench::plain_spawn{}, bench::queue_of_callers, bare_often);
}

using channel = asio::experimental::channel<void(boost::system::error_code)>;

/// A place in the channel's buffer is a permit.
awaitable<void> often(channel& permits, std::uint64_t calls)
{
    for (; calls != 0; --calls) {
        co_await permits.async_send(boost::system::error_code{}, use_awaitable);
        co_await asio::post(use_awaitable);
        permits.try_receive([](boost::system::error_code) {});
    }
}

/// First in, first out, with a queue of type-erased handlers.
class semaphore
{
public:
    semaphore(asio::io_context& context, int permits) : context_(context), free_(permits) {}

    template <class Token>
    auto acquire(Token token)
    {
        return asio::async_initiate<Token, void()>(
            [this](auto handler) {
                if (free_ > 0) {
                    --free_;
                    asio::post(context_, std::move(handler));
                    return;
                }
                auto kept = std::make_shared<decltype(handler)>(std::move(handler));
                waiting_.emplace_back([this, kept] { asio::post(context_, std::move(*kept)); });
            },
            token);
    }

    void release()
    {
        if (waiting_.empty()) {
            ++free_;
            return;
        }
        auto const resume = std::move(waiting_.front());
        waiting_.pop_front();
        resume();
    }

private:
    asio::io_context& context_;
    int free_;
    std::deque<std::function<void()>> waiting_;
};

awaitable<void> often(semaphore& permits, std::uint64_t calls)
{
    for (; calls != 0; --calls) {
        co_await permits.acquire(use_awaitable);
        co_await asio::post(use_awaitable);
        permits.release();
    }
}

template <class Permits>
void limited(benchmark::State& state)
{
    asio::io_context context(1);
    Permits permits(context, 100);
    bench::run_crowd(state, context, bench::plain_spawn{}, bench::queue_of_callers,
                     [&permits](std::uint64_t calls) { return often(permits, calls); });
}

[[maybe_unused]] bool const added = [] {
    bench::add("w4/bare", bare);
    bench::add("w4/bulkhead", limited<channel>);
    bench::add("w4/semaphore", limited<semaphore>);
    return true;
}();

} // namespace
} // namespace peer
