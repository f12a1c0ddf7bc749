#pragma once

#include <stdexcept>

namespace keel {

/// Thrown when a registry is asked for a name it does not hold. `what()` gives the name and the known ones.
class unknown_name : public std::out_of_range
{
public:
    using std::out_of_range::out_of_range;
};

} // namespace keel
