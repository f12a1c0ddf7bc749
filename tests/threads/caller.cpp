#include "caller.hpp"

#include "simulation/stream.hpp"

#include <keel/co_spawn.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <utility>

namespace keel::threads {
namespace {

using namespace std::chrono_literals;
using simulated::stream;

constexpr std::size_t at_once = 4;

/// Counts an operation from its first step to the end of its frame.
class presence
{
public:
    presence(shared& all, bool counted) : all_(all), counted_(counted)
    {
        ++all_.running;
        if (!counted_) return;
        auto const now = ++all_.inside;
        for (auto most = all_.most_inside.load(); now > most;)
            if (all_.most_inside.compare_exchange_weak(most, now)) break;
    }
    presence(presence const&) = delete;
    presence& operator=(presence const&) = delete;
    ~presence()
    {
        if (counted_) --all_.inside;
        --all_.running;
    }

private:
    shared& all_;
    bool counted_;
};

/// Takes some turns, or waits; ends well, or fails.
asio::awaitable<int> operate(shared* all, bool counted, std::uint64_t seed)
{
    presence const here(*all, counted);
    stream random(seed);
    auto const executor = co_await asio::this_coro::executor;
    if (random.per_mille(40)) co_await sleep_for(3ms);
    auto const turns = random.below(6);
    for (auto i = 0U; i < turns; ++i) co_await asio::post(executor, asio::deferred);
    if (random.per_mille(20)) { // deaf for a while
        co_await asio::this_coro::throw_if_cancelled(false);
        for (auto i = 0U; i < 20; ++i) co_await asio::post(executor, asio::deferred);
    }
    if (random.per_mille(150)) throw boost::system::system_error(error_code(asio::error::connection_reset));
    co_return random.per_mille(100) ? 2 : 1;
}

/// What an operation needs when it is left behind.
class operation
{
public:
    operation(shared& all, bool counted, std::uint64_t seed) : all_(&all), counted_(counted), seed_(seed) {}
    asio::awaitable<int> operator()() const { return operate(all_, counted_, seed_); }

private:
    shared* all_;
    bool counted_;
    std::uint64_t seed_;
};

asio::awaitable<void> call(shared* all, std::size_t kind, std::uint64_t seed, bool* cancelled)
{
    auto const work = owning(operation(*all, kind < 2, seed));
    auto const through = all->through(kind, static_cast<std::uint32_t>(seed));
    auto const end = co_await through.run(work);
    switch (end.ended_by()) {
    case ended_by::operation: ++(end.ok() ? all->ok : all->failed); break;
    case ended_by::timeout: ++all->by_timeout; break;
    case ended_by::rejection: ++all->refused; break;
    case ended_by::fallback: ++all->answered; break;
    case ended_by::caller: ++(*cancelled ? all->cancelled : all->wrong); break;
    case ended_by::shutdown:
        ++(all->stopping ? all->stopped : all->wrong);
        if (end.attempts() > 0) ++all->called_off;
        break;
    default: ++all->wrong;
    }
}

/// Keeps some calls in flight until it has made all. Everything happens on its executor; kept alive by what
/// is in flight.
class caller : public std::enable_shared_from_this<caller>
{
public:
    caller(asio::any_io_executor executor, shared& all, std::uint64_t calls, std::uint64_t seed)
        : executor_(std::move(executor)),
          all_(all),
          left_(calls),
          random_(seed)
    {}

    void begin()
    {
        for (auto& l : lanes_) make_call(l);
    }

private:
    /// Where one call after the other is in flight.
    struct lane
    {
        asio::cancellation_signal signal;
        std::uint64_t number = 0;
        bool cancelled = false;
    };

    void make_call(lane& at)
    {
        if (left_ == 0) return;
        --left_;
        ++all_.started;
        ++at.number;
        at.cancelled = false;
        auto const kind = random_.below(shared::kinds);
        auto const seed = random_.word();
        auto work = call(&all_, kind, seed, &at.cancelled);
        auto end = [self = shared_from_this(), &at](std::exception_ptr thrown) {
            if (thrown) ++(at.cancelled ? self->all_.cancelled : self->all_.wrong);
            ++self->all_.ended;
            asio::post(self->executor_, [self, &at] { self->make_call(at); });
        };
        auto token = asio::bind_cancellation_slot(at.signal.slot(), std::move(end));
        if (random_.one_in(2))
            keel::co_spawn(executor_, std::move(work), std::move(token));
        else
            asio::co_spawn(executor_, std::move(work), std::move(token));
        if (random_.one_in(4)) cancel_later(at, at.number, random_.below(12));
    }

    void cancel_later(lane& at, std::uint64_t number, std::uint32_t turns)
    {
        asio::post(executor_, [self = shared_from_this(), &at, number, turns] {
            if (at.number != number) return;
            if (turns > 0) return self->cancel_later(at, number, turns - 1);
            at.cancelled = true;
            at.signal.emit(asio::cancellation_type::terminal);
        });
    }

    asio::any_io_executor executor_;
    shared& all_;
    std::uint64_t left_;
    stream random_;
    std::array<lane, at_once> lanes_;
};

} // namespace

void start_caller(asio::any_io_executor const& executor, shared& all, std::uint64_t calls, std::uint64_t seed)
{
    auto const one = std::make_shared<caller>(executor, all, calls, seed);
    asio::post(executor, [one] { one->begin(); });
}

} // namespace keel::threads
