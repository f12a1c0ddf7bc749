# --- the contract of all policies, and the matrix in docs/contract.md -------------------------------------------

keel_test_executable(keel_contract_tests FOLDERS contract)
target_sources(keel_contract_tests PRIVATE "${CMAKE_CURRENT_LIST_DIR}/subjects.cpp")
add_executable(keel_contract_table "${CMAKE_CURRENT_LIST_DIR}/table.cpp" "${CMAKE_CURRENT_LIST_DIR}/subjects.cpp")
target_include_directories(keel_contract_table PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(keel_contract_table PRIVATE keel keel_testing keel_development)
