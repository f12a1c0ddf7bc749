#include <keel/async/limited_executor.hpp>

namespace keel {

option_faults validate(limited_executor_options const& o)
{
    option_faults faults;
    faults.require(o.max_running >= 1, "max_running", o.max_running, "at least 1");
    return faults;
}

} // namespace keel
