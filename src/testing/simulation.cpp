#include <keel/testing/simulation.hpp>

namespace keel::testing {

simulation::simulation(std::uint64_t random_seed)
    : context_(std::make_unique<asio::io_context>(1)),
      clock_(&virtual_time::install(*context_))
{
    seed(*context_, random_seed);
}

simulation::~simulation() = default;

started simulation::start(asio::awaitable<void> work)
{
    started handle;
    auto const state = handle.state_;
    auto life = std::make_shared<char>();
    state->alive = life;
    asio::co_spawn(*context_, std::move(work),
                   asio::bind_cancellation_slot(state->signal.slot(),
                                                [state, life = std::move(life)](std::exception_ptr e) {
                                                    state->error = std::move(e);
                                                    state->done = true;
                                                }));
    clock_->settle(*context_);
    return handle;
}

void simulation::advance(duration by) { clock_->run_until(*context_, saturating_add(clock_->now(), by)); }

void simulation::drain()
{
    while (clock_->step(*context_)) {}
}

void simulation::drive(how_it_ended const& how)
{
    clock_->settle(*context_);
    while (!how.done)
        if (!clock_->step(*context_))
            if (!how.done)
                throw would_deadlock("keel::testing: the coroutine waits for something that cannot happen");
}

void simulation::destroy() { context_.reset(); }

} // namespace keel::testing
