#pragma once

#include <cstdint>

namespace keel::detail {

class live_calls;

/// A call that can be told to stop because its context is to end.
class live_call
{
public:
    /// On the call's executor, while it is suspended. The call may end inside.
    virtual void call_off() = 0;

protected:
    ~live_call() = default;

private:
    friend class live_calls;
    std::uint64_t number_ = 0; ///< 0: not among the live calls.
};

} // namespace keel::detail
