# Installs what the build has made into STAGING, moves it to INSTALLED, and looks at it: every public header is there, and
# no file that is read names a folder of the sources or of the build.

file(REMOVE_RECURSE "${STAGING}" "${INSTALLED}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${STAGING}"
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(RENAME "${STAGING}" "${INSTALLED}")

file(GLOB_RECURSE public RELATIVE "${SOURCE}" "${SOURCE}/include/keel/*.hpp")
foreach(header IN LISTS public)
    if(NOT EXISTS "${INSTALLED}/${header}")
        message(SEND_ERROR "${header} is not installed; does it belong to the FILE_SET of a target?")
    endif()
endforeach()

file(GLOB_RECURSE installed "${INSTALLED}/*.hpp" "${INSTALLED}/*.cmake")
foreach(file IN LISTS installed)
    file(READ "${file}" text)
    foreach(folder IN ITEMS "${SOURCE}" "${BUILD}" "${STAGING}")
        string(FIND "${text}" "${folder}" at)
        if(NOT at EQUAL -1)
            message(SEND_ERROR "${file} names ${folder}")
        endif()
    endforeach()
endforeach()
