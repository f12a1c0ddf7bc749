#pragma once

#include "exchange.hpp"

#include <keel/core/time.hpp>
#include <keel/pipeline.hpp>
#include <keel/testing/simulation.hpp>

#include <boost/asio/awaitable.hpp>

#include <deque>
#include <memory>
#include <optional>

namespace keel::figures {

/// Serves 300 requests a second, one at a time, and answers each.
class server
{
public:
    server() = default;
    server(server const&) = delete;
    server& operator=(server const&) = delete;
    virtual ~server() = default;
    virtual void receive(message) = 0;

protected:
    static asio::awaitable<void> serve();
};

/// Sheds by how long requests have waited, as the shedder of folly does.
class delay_shedder
{
public:
    bool sheds(time_point now, duration waited);
    bool is_overloaded() const noexcept { return overloaded_; }

private:
    bool overloaded_ = false;
    time_point interval_end_{};
    std::optional<duration> least_{};
};

struct habits
{
    enum class order
    {
        oldest_first,
        newest_first,
        newest_first_under_overload ///< As its shedder sees it.
    };
    order next = order::oldest_first;
    bool sheds = false;
    bool drops_abandoned = false;
};

/// Lets as many wait as come.
class queueing_server final : public server
{
public:
    queueing_server(testing::simulation& world, habits h) : world_(world), habits_(h) {}

    void receive(message) override;

private:
    struct waiting
    {
        message what;
        time_point since;
    };

    static asio::awaitable<void> work(queueing_server* self);
    message take();
    waiting pop();
    bool takes_newest() const;

    testing::simulation& world_;
    habits habits_;
    delay_shedder shedder_{};
    std::deque<waiting> queue_{};
    bool busy_ = false;
};

/// Lets 30 wait: Keel's own bulkhead, on the server's side.
class bounded_server final : public server
{
public:
    explicit bounded_server(testing::simulation& world);

    void receive(message) override;

private:
    static asio::awaitable<void> handle(pipeline policies, message);

    testing::simulation& world_;
    pipeline policies_;
};

} // namespace keel::figures
