#pragma once

/// Promises that are known not to hold yet. Each switches the check of one promise to what does hold; set it
/// to false when the defect is mended, and remove it.
namespace keel::simulated::known {

/// A cancellation that is sent while the context is not running, to a call that runs its operation under a
/// timeout, is posted with a bare pointer to the attempt's signal; if the attempt ends first, the pointer
/// dangles. So the sweep sends its cancellations from a handler.
inline constexpr bool cancelling_from_outside_is_unsafe = true;

} // namespace keel::simulated::known
