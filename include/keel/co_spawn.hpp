#pragma once

#include <keel/async/co_spawn.hpp>
#include <keel/async/enable_cancellation.hpp>
#include <keel/async/this_call.hpp>
