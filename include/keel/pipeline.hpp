#pragma once

#include <keel/pipeline/classifier.hpp>
#include <keel/pipeline/judged.hpp>
#include <keel/pipeline/outcome.hpp>
#include <keel/pipeline/pipeline.hpp>
