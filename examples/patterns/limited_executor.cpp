// A limited executor: reports are expensive to render, so they get two of the pool's four threads and no
// more, and a queue that says "enough".

#include "check.hpp"

#include <keel/keel.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <exception>
#include <functional>
#include <iostream>
#include <latch>

namespace asio = boost::asio;
using namespace std::chrono_literals;

// [usage]
asio::thread_pool pool(4);
keel::limited_executor const reports{pool, {.name = "reports", .max_running = 2, .max_queue = 3}};

/// Renders when there is time. False: too much to do, come back later.
bool render_in_background(std::function<void()> const& render)
{
    auto const refused = reports.try_post(render);
    if (refused) std::cout << reports.name() << ": " << refused.message() << '\n';
    return !refused;
}
// [/usage]

std::atomic<int> rendering{0};
std::atomic<int> most_rendering{0};
std::atomic<int> rendered{0};

void render()
{
    auto const now = ++rendering;
    for (auto most = most_rendering.load(); now > most && !most_rendering.compare_exchange_weak(most, now);) {
    }
    ++rendered;
    --rendering;
}

asio::awaitable<void> fetch_and_render()
{
    co_await keel::sleep_for(1ms); // waits for its data, without a lane
    render();
}

void note_end(std::exception_ptr thrown)
{
    if (thrown) std::terminate();
}

// [bulkhead]
keel::pipeline const guarded{
    keel::bulkhead{{.name = "reports", .max_concurrent = 8, .max_queue = 100}},
    keel::timeout{{.limit = 30s}},
};

asio::awaitable<void> report() { (void)co_await guarded.run(fetch_and_render); }

/// At most eight reports are in work, and at most two of them render at this moment.
void start_report() { asio::co_spawn(asio::make_strand(reports), report(), note_end); }
// [/bulkhead]

asio::awaitable<void> example()
{
    std::latch go(1);
    auto accepted = 0;
    for (auto i = 0; i < 8; ++i) accepted += render_in_background([&go] { go.wait(), render(); });
    auto const busy = reports.snapshot();
    std::cout << busy.running << " run, " << busy.queued << " wait\n";
    check(accepted == 5, "two run, three wait, and the others are refused");
    go.count_down();

    for (auto i = 0; i < 20; ++i) start_report();
    pool.join();
    check(rendered == 5 + 20, "nothing that was accepted is lost");
    check(most_rendering <= 2, "never more than two at once");
    co_return;
}
