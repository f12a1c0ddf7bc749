#pragma once

#include "common/http_get.hpp"

#include <keel/core/time.hpp>
#include <keel/pipeline/outcome.hpp>

#include <string>

namespace keel_get {

/// What the program tells the shell. When calls end differently, the lowest number that is not 0 wins: the
/// others tend to follow from it.
enum class exit_code
{
    ok = 0,         ///< Every call got a 2xx or 3xx.
    failed = 1,     ///< A call got no answer: the network, the server or a time limit was in the way.
    usage = 2,      ///< The command line makes no sense.
    bad_status = 3, ///< The server answered 4xx or 5xx.
    refused = 4,    ///< A policy refused a call.
};

/// The time limits, for messages.
struct limits
{
    keel::duration call{};
    keel::duration attempt{};
};

/// How a call ended.
struct ending
{
    exit_code code = exit_code::ok;
    std::string why{}; ///< Empty if all went well. The same for all calls that ended alike.
};

ending ending_of(keel::outcome<example::response> const& ended, limits const& given);

/// How it came to that, as the end of a sentence: `, after 3 attempts`.
std::string history_of(keel::outcome<example::response> const& ended);

} // namespace keel_get
