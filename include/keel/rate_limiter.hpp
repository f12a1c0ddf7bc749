#pragma once

#include <keel/async/rate_limiter.hpp>
#include <keel/policy/rate_limiter.hpp>
