#include <keel/async/detail/parking.hpp>

namespace keel::detail {

void parking::resume()
{
    disarm();
    context_.strike(*this);
    slot_.clear();
    handler_.call();
}

void parking::drop()
{
    disarm();
    context_.strike(*this);
    if (!context_.is_going_away()) slot_.clear(); // else the signal may be gone already, and will not be used
    dropped();
    handler_.clear();
}

} // namespace keel::detail
