# --- reference traces and published figures -----------------------------------------------------------------------

# keel_traces: the reference traces against the real policies. One adapter file per family.
file(GLOB trace_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/traces/*.cpp")
add_executable(keel_traces ${trace_sources})
target_link_libraries(keel_traces PRIVATE keel keel_development Boost::json)
add_test(NAME traces COMMAND keel_traces "${CMAKE_CURRENT_SOURCE_DIR}/traces/reference")

# keel_figures: published figures against the real policies, in virtual time. One file per model. A part of the
# trials in every run; all of them, and docs/figures.md, with `ctest -C prove -L prove`.
file(GLOB figure_sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/figures/*.cpp")
add_executable(keel_figures ${figure_sources})
target_include_directories(keel_figures PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(keel_figures PRIVATE keel keel_testing keel_development Boost::json)
set(figures "${CMAKE_CURRENT_SOURCE_DIR}/figures/reference.json")
set(figures_page --document "${PROJECT_SOURCE_DIR}/docs/figures.md")
add_test(NAME figures COMMAND keel_figures "${figures}")
add_test(NAME figures.page COMMAND keel_figures --only metastable ${figures_page} "${figures}")
add_test(NAME figures.all CONFIGURATIONS prove COMMAND keel_figures --all ${figures_page} "${figures}")
set_tests_properties(figures.all PROPERTIES TIMEOUT 1800 LABELS prove)
