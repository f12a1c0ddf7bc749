#pragma once

#include <keel/async/limited_executor.hpp>
