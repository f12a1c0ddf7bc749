#pragma once

#include <keel/async/fallback.hpp>
#include <keel/policy/fallback.hpp>
