#pragma once

#include <keel/async/retry_budget.hpp>
#include <keel/policy/retry_budget.hpp>
