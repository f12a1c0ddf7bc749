#include "ticket.hpp"

#include <string>

namespace keel::simulated {
namespace {

class category final : public boost::system::error_category
{
public:
    char const* name() const noexcept override { return "simulated"; }
    std::string message(int packed) const override
    {
        auto const t = ticket::unpack(packed);
        return "call " + std::to_string(t.call) + ", attempt " + std::to_string(t.attempt) + ", ending " +
               std::to_string(static_cast<int>(t.end));
    }
};

} // namespace

boost::system::error_category const& simulated_category() noexcept
{
    static category const only;
    return only;
}

} // namespace keel::simulated
