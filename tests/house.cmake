# --- the house: layers, shape, documents ------------------------------------------------------------------------

foreach(check IN ITEMS check_layers check_shape snippets)
    add_test(NAME house.${check} COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/cmake/${check}.py" "${PROJECT_SOURCE_DIR}")
endforeach()
add_test(NAME house.every_header_compiles_alone
    COMMAND ${CMAKE_COMMAND} --build "${PROJECT_BINARY_DIR}" --target all_verify_interface_header_sets)
add_test(NAME house.checks_can_fail COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/architecture/checks_test.py")
add_test(NAME house.performance COMMAND Python3::Interpreter "${PROJECT_SOURCE_DIR}/bench/make_tables.py" --check)
add_test(NAME house.bench_tables_can_fail
    COMMAND Python3::Interpreter "${CMAKE_CURRENT_SOURCE_DIR}/architecture/bench_tables_test.py")
