#pragma once

namespace keel::detail {

class parking;

/// A first in, first out list of parked coroutines. Owns nothing and allocates nothing.
class parking_list
{
public:
    parking* first() const noexcept { return first_; }

    void push_back(parking&) noexcept;
    /// Takes it out of the list it is in. Does nothing when it is in none.
    static void remove(parking&) noexcept;

private:
    parking* first_ = nullptr;
    parking* last_ = nullptr;
};

} // namespace keel::detail
