# A project of its own uses Keel in each of the four ways. Two of them use what this build has made: nothing is compiled
# twice for them.

set(consumer "${CMAKE_CURRENT_LIST_DIR}")
set(consumers "${CMAKE_CURRENT_BINARY_DIR}/consumer")
set(installed "${consumers}/installed")

# CTest configures, builds and tests the user's project: consumer_command(<variable> <folder to build in> [options...])
function(consumer_command variable folder)
    set(${variable} ${CMAKE_CTEST_COMMAND}
        --build-and-test "${consumer}" "${consumers}/${folder}"
        --build-generator "${CMAKE_GENERATOR}"
        --build-options "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}"
                        "-DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}"
                        "-DKEEL_VERSION=${PROJECT_VERSION}" ${ARGN}
        --test-command ${CMAKE_CTEST_COMMAND} --output-on-failure --no-tests=error
        PARENT_SCOPE)
endfunction()

# --- from the sources -------------------------------------------------------------------------------------------

consumer_command(command add_subdirectory -DKEEL_WAY=add_subdirectory "-DKEEL_SOURCE=${PROJECT_SOURCE_DIR}")
add_test(NAME consumer.add_subdirectory COMMAND ${command})

consumer_command(command fetch_content -DKEEL_WAY=fetch_content "-DFETCHCONTENT_SOURCE_DIR_KEEL=${PROJECT_SOURCE_DIR}")
add_test(NAME consumer.fetch_content COMMAND ${command})

# Both compile all of Keel, on every core.
set_tests_properties(consumer.add_subdirectory consumer.fetch_content PROPERTIES PROCESSORS 2)

# --- installed, and moved elsewhere -----------------------------------------------------------------------------

add_test(NAME consumer.install
    COMMAND ${CMAKE_COMMAND} "-DBUILD=${PROJECT_BINARY_DIR}" "-DSOURCE=${PROJECT_SOURCE_DIR}"
            "-DSTAGING=${consumers}/staging" "-DINSTALLED=${installed}" -P "${consumer}/install.cmake")
set_tests_properties(consumer.install PROPERTIES FIXTURES_SETUP keel_installed RESOURCE_LOCK keel_install)

set(options -DKEEL_WAY=find_package "-DKEEL_PREFIX=${installed}" "-DCMAKE_PREFIX_PATH=${installed}")
consumer_command(command find_package ${options} -DKEEL_COMPONENTS=spdlog)
add_test(NAME consumer.find_package COMMAND ${command})

# What find_package(keel) says when it cannot be used: consumer_refused(<case> <message> [options...])
function(consumer_refused case message)
    add_test(NAME consumer.${case}
        COMMAND ${CMAKE_COMMAND} --fresh -S "${consumer}" -B "${consumers}/${case}" -G "${CMAKE_GENERATOR}"
                "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}" ${options} ${ARGN})
    string(REPLACE " " "[ \n]+" message "${message}")
    set_tests_properties(consumer.${case} PROPERTIES PASS_REGULAR_EXPRESSION "${message}")
    set_property(TEST consumer.${case} consumer.find_package APPEND PROPERTY FIXTURES_REQUIRED keel_installed)
endfunction()

set(old_boost "${consumers}/old_boost")
file(WRITE "${old_boost}/include/boost/config.hpp" "")
file(WRITE "${old_boost}/include/boost/version.hpp" "#define BOOST_VERSION 107400\n#define BOOST_LIB_VERSION \"1_74\"\n")
set(boost "This Keel was built with Boost ${Boost_VERSION_STRING} and needs the same")
consumer_refused(boost_is_missing "${boost} \\(found: none\\)" -DCMAKE_DISABLE_FIND_PACKAGE_Boost=ON)
consumer_refused(boost_is_too_old "${boost} \\(found: 1.74.0\\)"
    "-DBOOST_ROOT=${old_boost}" -DBoost_NO_BOOST_CMAKE=ON -DBoost_NO_SYSTEM_PATHS=ON)
consumer_refused(component_is_unknown "This Keel has no component 'http'; it has: keel, testing, spdlog"
    "-DKEEL_COMPONENTS=http")

# --- a Debian package -------------------------------------------------------------------------------------------

find_program(DPKG_DEB dpkg-deb)
mark_as_advanced(DPKG_DEB)
if(DPKG_DEB)
    # Without spdlog, which a package that only suggests it must do without.
    consumer_command(command debian/project -DKEEL_WAY=find_package "-DKEEL_PREFIX=@PREFIX@" "-DCMAKE_PREFIX_PATH=@PREFIX@"
        -DCMAKE_DISABLE_FIND_PACKAGE_spdlog=ON)
    add_test(NAME consumer.debian_package
        COMMAND Python3::Interpreter "${consumer}/debian_package_test.py" "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}"
                "${consumers}/debian" ${command})
    set_tests_properties(consumer.debian_package PROPERTIES RESOURCE_LOCK keel_install TIMEOUT 300)
endif()
