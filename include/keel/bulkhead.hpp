#pragma once

#include <keel/async/bulkhead.hpp>
#include <keel/policy/bulkhead.hpp>
