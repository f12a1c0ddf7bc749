#pragma once

#include <stdexcept>

/// Ends the example as failed unless it does what its text says.
inline void check(bool holds, char const* what)
{
    if (!holds) throw std::logic_error(what);
}
