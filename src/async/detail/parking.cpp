#include <keel/async/detail/parking.hpp>

#include <boost/asio/cancellation_type.hpp>

namespace keel::detail {

void parking::listen(asio::cancellation_slot slot)
{
    if (!slot.is_connected()) return;
    slot.assign([this](asio::cancellation_type type) {
        if (type != asio::cancellation_type::none) cancelled();
    });
    slot_ = slot;
}

void parking::stop_listening() noexcept
{
    if (!slot_.is_connected()) return;
    auto heard = std::exchange(slot_, {});
    if (!context_.is_going_away()) heard.clear(); // else the signal may be gone already, and will not be used
}

void parking::resume()
{
    disarm();
    context_.strike(*this);
    stop_listening();
    handler_.call();
}

void parking::drop()
{
    disarm();
    context_.strike(*this);
    stop_listening();
    dropped();
    handler_.clear();
}

} // namespace keel::detail
