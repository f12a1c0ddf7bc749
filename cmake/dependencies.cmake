# Every library Keel uses, in one place. Only Boost's headers are needed by keel::keel itself.

set(KEEL_OLDEST_BOOST 1.81)

find_package(Boost ${KEEL_OLDEST_BOOST} QUIET)
if(NOT Boost_FOUND)
    find_package(Boost QUIET)
    if(Boost_FOUND)
        set(found "${Boost_VERSION_STRING}")
    else()
        set(found "none")
    endif()
    message(FATAL_ERROR "Keel needs Boost ${KEEL_OLDEST_BOOST} or newer (found: ${found}). "
                        "On Debian 12: apt-get install libboost1.81-dev")
endif()

find_package(Threads REQUIRED)

if(KEEL_BUILD_SPDLOG OR KEEL_BUILD_EXAMPLES OR KEEL_BUILD_TESTS)
    find_package(spdlog REQUIRED)
endif()

if(KEEL_BUILD_EXAMPLES)
    find_package(Boost ${KEEL_OLDEST_BOOST} REQUIRED COMPONENTS program_options)
endif()

if(KEEL_BUILD_TESTS)
    find_package(Boost ${KEEL_OLDEST_BOOST} REQUIRED COMPONENTS json)
    find_package(GTest REQUIRED)
    find_package(Python3 REQUIRED COMPONENTS Interpreter)
endif()
