#pragma once

#include <keel/async/timeout.hpp>
#include <keel/policy/timeout.hpp>
