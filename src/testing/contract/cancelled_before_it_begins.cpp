#include "law.hpp"
#include "scene.hpp"

#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>

namespace keel::testing::detail {
namespace {

struct late_start
{
    bool waits = false; ///< For its cancellation.
    error_code end{};
    bool ended = false;
};

asio::awaitable<int> run(scripted<int> op) { return op(); }

/// Begins the call when it has been cancelled, and is told so only by the call.
asio::awaitable<void> call_when_cancelled(pipeline through, scripted<int> op,
                                          std::shared_ptr<late_start> note, int polls)
{
    co_await asio::this_coro::throw_if_cancelled(false);
    note->waits = true;
    auto const executor = co_await asio::this_coro::executor;
    for (auto i = 0; i < polls; ++i) co_await asio::post(executor, asio::deferred);
    auto const outcome = co_await through.run(run, op);
    note->end = outcome.error();
    note->ended = true;
}

} // namespace

void cancelled_before_it_begins(trial const& t)
{
    scene s(t);
    auto const memory = s.memory();
    scripted<int> op;
    op.returns(1);
    auto const note = std::make_shared<late_start>();
    asio::cancellation_signal signal;
    asio::co_spawn(s.world().context(), s.placed(call_when_cancelled(s.alone(), op, note, 4)),
                   asio::bind_cancellation_slot(signal.slot(), [](std::exception_ptr) {}));
    s.world().context().restart();
    while (!note->waits) s.world().context().poll_one();
    signal.emit(asio::cancellation_type::terminal);
    s.finish();

    require(op.started() == 0, "the operation ran, though the caller had been cancelled before");
    require(!note->ended || note->end == asio::error::operation_aborted,
            "the call of a cancelled caller ended with " + quoted(note->end.message()));
    s.require_rest("after a call that was cancelled before it began");
    require(s.memory() == memory,
            "a call that never began changed " + quoted(memory) + " to " + quoted(s.memory()));
}

} // namespace keel::testing::detail
