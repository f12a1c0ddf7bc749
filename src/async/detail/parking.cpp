#include <keel/async/detail/parking.hpp>

#include <boost/asio/post.hpp>

namespace keel::detail {

parking::~parking()
{
    disarm();
    context_.strike(*this);
}

void parking::resume()
{
    disarm();
    context_.strike(*this);
    auto handler = std::move(handler_);
    slot_.clear();
    std::move(handler)();
}

void parking::wake()
{
    asio::post(executor(), [this] { resume(); });
}

void parking::drop()
{
    disarm();
    context_.strike(*this);
    if (!context_.is_going_away()) slot_.clear(); // else the signal may be gone already, and will not be used
    dropped();
    auto const gone = std::move(handler_);
}

} // namespace keel::detail
