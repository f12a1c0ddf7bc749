#include <keel/testing/virtual_time.hpp>

#include <algorithm>

namespace keel::testing {

virtual_time& virtual_time::install(asio::io_context& context)
{
    return asio::make_service<virtual_time>(context);
}

// A context that has run out of work stops, and must be restarted before it runs what came since.
void virtual_time::settle(asio::io_context& context)
{
    context.restart();
    while (context.poll() != 0) context.restart();
}

void virtual_time::run_until(asio::io_context& context, time_point until)
{
    settle(context);
    while (earliest() <= until && earliest() != time_point::max()) {
        now_ = std::max(now_, earliest());
        fire_due(now_);
        settle(context);
    }
    now_ = std::max(now_, until);
}

bool virtual_time::step(asio::io_context& context)
{
    settle(context);
    if (!jump()) return false;
    settle(context);
    return true;
}

bool virtual_time::run_one(asio::io_context& context)
{
    context.restart();
    return context.poll_one() != 0 || jump();
}

bool virtual_time::jump()
{
    auto const next = earliest();
    if (next == time_point::max()) return false;
    now_ = std::max(now_, next);
    fire_due(now_);
    return true;
}

} // namespace keel::testing
