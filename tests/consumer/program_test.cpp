// A user's own test: hours of virtual time, with keel::testing.

#include <keel/pipeline.hpp>
#include <keel/retry.hpp>
#include <keel/testing/scripted.hpp>
#include <keel/testing/simulation.hpp>
#include <keel/timeout.hpp>

#include <cstdlib>
#include <iostream>

using namespace std::chrono_literals;

int main()
{
    keel::testing::simulation world;
    keel::testing::scripted<int> download;
    download.takes(2h).returns(1).takes(30min).returns(2);
    keel::pipeline const patient{
        keel::retry{{.max_attempts = 3, .backoff = keel::constant{.base = 10min}}},
        keel::timeout{{.limit = 1h}},
    };

    auto const end = world.run(patient.run(download));

    // An attempt that is cut off after an hour, a pause, and one that takes half an hour.
    auto const as_expected = end.ok() && end.value() == 2 && end.attempts() == 2 && world.elapsed() == 100min;
    if (!as_expected) std::cerr << end.attempts() << " attempts in " << world.elapsed() / 1min << " min\n";
    return as_expected ? EXIT_SUCCESS : EXIT_FAILURE;
}
