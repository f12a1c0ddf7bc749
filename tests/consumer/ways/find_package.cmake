# [way]
find_package(keel 0.1 REQUIRED)
# [/way]

cmake_path(IS_PREFIX KEEL_PREFIX "${keel_DIR}" the_right_one)
if(NOT the_right_one)
    message(FATAL_ERROR "Found Keel in ${keel_DIR}, which is not below ${KEEL_PREFIX}")
endif()

if(KEEL_COMPONENTS)
    find_package(keel REQUIRED COMPONENTS ${KEEL_COMPONENTS})
endif()
