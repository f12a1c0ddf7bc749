#pragma once

#include <keel/async/graceful_stop.hpp>
