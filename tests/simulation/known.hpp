#pragma once

/// Promises that are known not to hold yet. Each switches the check of one promise to what does hold; set it
/// to false when the defect is mended, and remove it.
namespace keel::simulated::known {

/// A timeout whose grace period runs keeps the call from hearing of the end of an outer limit: with
/// `timeout{10ms, grace 2ms}, timeout{5ms, grace 19ms}` around a deaf operation the call ends at 24 ms and
/// not at 12 ms.
inline constexpr bool inner_grace_delays_outer_limit = true;

/// Of two limits that pass at the same instant only the outer one counts: `timeout{10ms, cooperate},
/// timeout{10ms, abandon}` waits for a deaf operation.
inline constexpr bool equal_limits_obey_the_outer = true;

/// A reservation that is given back lets a later call be admitted at the same moment as one that has reserved
/// already, so that more calls start in an interval than `burst + t * permits / per`.
inline constexpr bool given_back_reservations_overbook = true;

/// A cancellation that is sent while the context is not running, to a call that runs its operation under a
/// timeout, is posted with a bare pointer to the attempt's signal; if the attempt ends first, the pointer
/// dangles. So the sweep sends its cancellations from a handler.
inline constexpr bool cancelling_from_outside_is_unsafe = true;

} // namespace keel::simulated::known
