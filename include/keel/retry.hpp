#pragma once

#include <keel/async/retry.hpp>
#include <keel/policy/retry.hpp>
