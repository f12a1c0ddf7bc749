#pragma once

#include <keel/async/circuit_breaker.hpp>
#include <keel/async/circuit_breaker_registry.hpp>
#include <keel/policy/circuit_breaker.hpp>
