# `cpack` in the build folder makes libkeel-dev, a Debian package of what cmake/install.cmake installs.

string(REGEX MATCH "^[0-9]+\\.[0-9]+" boost "${Boost_VERSION_STRING}")

set(CPACK_GENERATOR DEB)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGE_CONTACT "Keel maintainers <maintainers@keel.invalid>" CACHE STRING "Maintainer of the Debian package")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PRE_BUILD_SCRIPTS "${CMAKE_CURRENT_LIST_DIR}/debian_files.cmake")

set(CPACK_DEBIAN_PACKAGE_NAME libkeel-dev)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libboost${boost}-dev")
if(KEEL_BUILD_SPDLOG)
    set(CPACK_DEBIAN_PACKAGE_SUGGESTS libspdlog-dev)
endif()
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS OFF) # static libraries only
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION # below the project's own, which is the first line
    "Keel wraps the calls of C++20 coroutine services in pipelines of policies:
timeout, retry, retry budget, circuit breaker, bulkhead, rate limiter and
fallback.
.
This package has the static libraries, the headers, and the files that
CMake's find_package(keel) reads.")

include(CPack)
