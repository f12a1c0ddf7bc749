#pragma once

#include <keel/async/result_traits.hpp>
#include <keel/async/sleep.hpp>
#include <keel/core/error.hpp>
#include <keel/core/time.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace keel::testing {

/// An operation that does what a script says: for each run in turn, how long it takes and how it ends. The
/// last line of the script serves every further run; with an empty script, a run throws `std::logic_error`. A
/// handle: copies share the script and the counts. For one thread.
///
///     scripted<int> op;
///     op.fails(boost::asio::error::connection_reset).takes(50ms).returns(42);
template <class T>
class scripted
{
public:
    /// The next run takes this long. Default: it ends without suspending.
    scripted& takes(duration d)
    {
        state_->next.time = d;
        return *this;
    }

    /// The next run goes on when it is cancelled.
    scripted& ignoring_cancellation()
    {
        state_->next.deaf = true;
        return *this;
    }

    /// The next run returns what this makes.
    scripted& makes(std::function<T()> end)
    {
        state_->next.end = std::move(end);
        state_->script.push_back(std::exchange(state_->next, {}));
        return *this;
    }

    /// The next run ends so.
    scripted& returns()
        requires std::is_void_v<T>
    {
        return makes([] {});
    }

    /// The next run returns a copy of this.
    scripted& returns(value_of<T> value)
        requires(!std::is_void_v<T>)
    {
        return makes([value = std::move(value)] { return value; });
    }

    /// The next run throws a copy of this.
    template <class Exception>
    scripted& throws(Exception e)
    {
        return makes([e = std::move(e)]() -> T { throw e; });
    }

    /// The next run throws this as `boost::system::system_error`.
    scripted& fails(error_code e) { return throws(boost::system::system_error(e)); }

    /// The next run never ends, unless it is cancelled.
    scripted& hangs() { return takes(duration::max()).throws(std::logic_error("a hanging operation ended")); }

    /// Runs by the next line of the script, once it is awaited. Cancelled while it takes its time, it throws
    /// `operation_aborted`, unless it ignores that.
    asio::awaitable<T> operator()() const { return run(state_); }

    /// Runs so far.
    std::size_t started() const noexcept { return state_->started; }
    /// Runs that have begun and not ended.
    std::size_t running() const noexcept { return state_->running; }
    /// How often a run was cancelled while it took its time, also one that went on.
    std::size_t cancelled() const noexcept { return state_->cancelled; }

private:
    struct line
    {
        duration time = duration::zero();
        bool deaf = false;
        std::function<T()> end{};
    };
    struct state
    {
        std::vector<line> script;
        line next{};
        std::size_t started = 0;
        std::size_t running = 0;
        std::size_t cancelled = 0;
    };
    struct presence
    {
        explicit presence(state& s) : in(s) { ++in.running; }
        presence(presence const&) = delete;
        ~presence() { --in.running; }
        state& in;
    };

    static asio::awaitable<T> run(std::shared_ptr<state> s)
    {
        presence const here(*s);
        if (s->script.empty()) throw std::logic_error("keel::testing::scripted: the script is empty");
        auto const now = s->script[std::min(s->started, s->script.size() - 1)];
        ++s->started;
        if (now.time > duration::zero()) {
            auto const executor = co_await asio::this_coro::executor;
            auto const end = saturating_add(keel::now(executor), now.time);
            for (auto slept = false; !slept;) {
                slept = co_await sleep_through(end);
                if (slept) break;
                ++s->cancelled;
                if (!now.deaf) throw boost::system::system_error(error_code(asio::error::operation_aborted));
                auto state = co_await asio::this_coro::cancellation_state;
                state.clear(); // and stays in its scope, if it is in one
            }
        }
        co_return now.end();
    }

    /// False: cancelled before the end.
    static asio::awaitable<bool> sleep_through(time_point end)
    {
        auto whole = true;
        try {
            co_await sleep_until(end);
        } catch (boost::system::system_error const&) {
            whole = false;
        }
        co_return whole;
    }

    std::shared_ptr<state> state_ = std::make_shared<state>();
};

} // namespace keel::testing
