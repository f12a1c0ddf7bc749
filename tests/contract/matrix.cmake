# docs/contract.md names tests of every program, so it is checked where all of them are built.
add_test(NAME house.contract_matrix COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/contract/matrix.py"
    "${CMAKE_CURRENT_SOURCE_DIR}/contract/matrix.txt" "${PROJECT_SOURCE_DIR}/docs/contract.md"
    $<TARGET_FILE:keel_contract_table> "${PROJECT_BINARY_DIR}")
add_test(NAME house.contract_matrix_can_fail
    COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/contract/matrix_test.py")
