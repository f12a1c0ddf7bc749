#include "servers.hpp"

#include "start.hpp"

#include <keel/async/sleep.hpp>
#include <keel/bulkhead.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace keel::figures {

using namespace std::chrono_literals;

asio::awaitable<void> server::serve() { co_await sleep_for(duration(1s) / 300); }

bool delay_shedder::sheds(time_point now, duration waited)
{
    constexpr duration target = 5ms;
    if (least_ && now > interval_end_) {
        overloaded_ = *least_ > target;
        interval_end_ = now + 100ms;
        least_.reset();
    }
    if (!least_) {
        least_ = waited;
        return false;
    }
    least_ = std::min(*least_, waited);
    return overloaded_ && waited > 2 * target;
}

void queueing_server::receive(message m)
{
    queue_.push_back({std::move(m), world_.clock().now()});
    if (!std::exchange(busy_, true)) start(world_, work(this));
}

asio::awaitable<void> queueing_server::work(queueing_server* self)
{
    while (auto const next = self->take()) {
        co_await serve();
        next->answer();
    }
    self->busy_ = false;
}

message queueing_server::take()
{
    while (!queue_.empty()) {
        auto const now = world_.clock().now();
        auto const next = pop();
        if (habits_.drops_abandoned && next.what->abandoned()) continue;
        if (!habits_.sheds || !shedder_.sheds(now, now - next.since)) return next.what;
        next.what->answer(refused());
    }
    return nullptr;
}

queueing_server::waiting queueing_server::pop()
{
    auto const newest = takes_newest();
    auto next = std::move(newest ? queue_.back() : queue_.front());
    newest ? queue_.pop_back() : queue_.pop_front();
    return next;
}

bool queueing_server::takes_newest() const
{
    using enum habits::order;
    return habits_.next == newest_first ||
           (habits_.next == newest_first_under_overload && shedder_.is_overloaded());
}

bounded_server::bounded_server(testing::simulation& world)
    : world_(world),
      policies_(bulkhead{{.max_concurrent = 1, .max_queue = 30}})
{}

void bounded_server::receive(message m) { start(world_, handle(policies_, std::move(m))); }

asio::awaitable<void> bounded_server::handle(pipeline policies, message m)
{
    auto const end = co_await policies.run(serve);
    m->answer(end.ok() ? error_code{} : refused());
}

} // namespace keel::figures
