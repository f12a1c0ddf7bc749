# What `cmake --install` puts in place: libraries, public headers, and the package that find_package(keel) reads.
# Nothing in it names a folder of the build, so the installed tree can be moved.

include(CMakePackageConfigHelpers)

set(keel_package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/keel")

install(TARGETS keel keel_testing EXPORT keelTargets FILE_SET HEADERS)
install(EXPORT keelTargets NAMESPACE keel:: DESTINATION "${keel_package_folder}")

# An export of its own: users of keel::keel need no spdlog.
if(KEEL_BUILD_SPDLOG)
    install(TARGETS keel_spdlog EXPORT keelSpdlogTargets FILE_SET HEADERS)
    install(EXPORT keelSpdlogTargets NAMESPACE keel:: DESTINATION "${keel_package_folder}")
endif()

configure_file("${CMAKE_CURRENT_LIST_DIR}/keelConfig.cmake.in" "${PROJECT_BINARY_DIR}/keelConfig.cmake" @ONLY)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/keelConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/keelConfig.cmake" "${PROJECT_BINARY_DIR}/keelConfigVersion.cmake"
    DESTINATION "${keel_package_folder}")
