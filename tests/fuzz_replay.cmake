# --- the fuzzers' corpus, replayed ------------------------------------------------------------------------------

include("${PROJECT_SOURCE_DIR}/fuzz/targets.cmake")
add_library(fuzz_replay_main OBJECT "${PROJECT_SOURCE_DIR}/fuzz/replay.cpp")
target_link_libraries(fuzz_replay_main PRIVATE keel_development)
target_compile_features(fuzz_replay_main PRIVATE cxx_std_20)

function(keel_fuzz_replay target)
    add_executable(fuzz_replay_${target} "${PROJECT_SOURCE_DIR}/fuzz/${target}.cpp")
    target_link_libraries(fuzz_replay_${target} PRIVATE fuzz_replay_main keel keel_development ${ARGN})
    add_test(NAME fuzz.replay.${target} COMMAND fuzz_replay_${target} "${PROJECT_SOURCE_DIR}/fuzz/corpus/${target}")
    set_tests_properties(fuzz.replay.${target} PROPERTIES TIMEOUT 60)
endfunction()

foreach(target IN LISTS keel_fuzz_targets)
    keel_fuzz_replay(${target})
endforeach()
target_sources(fuzz_replay_trace PRIVATE traces/trace.cpp)
target_include_directories(fuzz_replay_trace PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(fuzz_replay_trace PRIVATE Boost::json)

if(KEEL_BUILD_EXAMPLES)
    foreach(target IN LISTS keel_fuzz_example_targets)
        keel_fuzz_replay(${target} example_common)
    endforeach()
    target_sources(fuzz_replay_flaky_script PRIVATE "${PROJECT_SOURCE_DIR}/examples/flaky_server/script.cpp")
    target_include_directories(fuzz_replay_flaky_script PRIVATE "${PROJECT_SOURCE_DIR}/examples/flaky_server")
endif()
