#pragma once

#include <keel/pipeline/pipeline_family.hpp>
#include <keel/pipeline/pipeline_registry.hpp>
