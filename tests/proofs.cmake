# --- proofs (docs/proofs.md): random worlds, interference between any two handlers, memory that runs out ---------------------------

set(simulation_parts book caller event_log home operation stack ticket users_policies)
list(TRANSFORM simulation_parts PREPEND simulation/)
list(TRANSFORM simulation_parts APPEND .cpp)
add_library(keel_simulated STATIC ${simulation_parts})
target_include_directories(keel_simulated PUBLIC "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(keel_simulated PUBLIC keel keel_testing keel_development)

add_executable(keel_simulation simulation/main.cpp simulation/world.cpp)
target_link_libraries(keel_simulation PRIVATE keel_simulated)

# A sanitizer takes ten times as long, and sees in a tenth of the calls what it can see.
set(simulation_calls 2000)
if(KEEL_SANITIZE)
    set(simulation_calls 200)
endif()
add_test(NAME simulation.worlds COMMAND keel_simulation --seeds 1..500 --calls ${simulation_calls} --twice)
add_test(NAME simulation.hashes
    COMMAND keel_simulation --check "${CMAKE_CURRENT_SOURCE_DIR}/simulation/hashes.txt")
set_tests_properties(simulation.worlds simulation.hashes PROPERTIES TIMEOUT 240 LABELS proof)

add_executable(keel_sweep sweep/main.cpp sweep/scene.cpp)
target_link_libraries(keel_sweep PRIVATE keel_simulated)
add_test(NAME sweep COMMAND keel_sweep)
set_tests_properties(sweep PROPERTIES TIMEOUT 240 LABELS proof)

add_executable(keel_memory memory/main.cpp memory/scarce.cpp sweep/scene.cpp)
target_link_libraries(keel_memory PRIVATE keel_simulated)
target_link_options(keel_memory PRIVATE -Wl,--wrap=aligned_alloc)
add_test(NAME memory COMMAND keel_memory)
set_tests_properties(memory PROPERTIES TIMEOUT 240 LABELS proof)
