#pragma once

#include <keel/async/result_traits.hpp>
#include <keel/core/failure.hpp>

#include <boost/system/system_error.hpp>

#include <exception>
#include <optional>
#include <system_error>
#include <utility>

namespace keel::detail {

/// The exception being handled, as a failure. Call it in a catch block only.
inline failure current_failure() noexcept
{
    failure what;
    what.exception = std::current_exception();
    try {
        throw;
    } catch (boost::system::system_error const& e) {
        what.code = e.code();
    } catch (std::system_error const& e) {
        what.code = to_boost(e.code());
    } catch (...) { // it carries no code, and stays as it is
    }
    return what;
}

/// What came out of one attempt: a value, or a failure.
template <class T>
struct result_slot
{
    std::optional<value_of<T>> value{};
    failure error{};

    void capture() noexcept
    {
        value.reset();
        error = current_failure();
    }
};

} // namespace keel::detail
