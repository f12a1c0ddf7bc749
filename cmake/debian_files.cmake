# Run by CPack on the files to be packed: adds what every Debian package has, drops the debug information, which names
# folders of the build, and makes all of it readable, whatever the umask.

set(source "${CMAKE_CURRENT_LIST_DIR}/..")
set(usr "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/usr")
set(doc "${usr}/share/doc/${CPACK_DEBIAN_PACKAGE_NAME}")

file(MAKE_DIRECTORY "${doc}")
file(COPY_FILE "${source}/LICENSE" "${doc}/copyright")
file(ARCHIVE_CREATE OUTPUT "${doc}/changelog.gz" PATHS "${source}/CHANGELOG.md" FORMAT raw COMPRESSION GZip)

find_program(strip strip REQUIRED)
file(GLOB_RECURSE archives "${usr}/*.a")
execute_process(COMMAND "${strip}" --strip-debug --enable-deterministic-archives ${archives} COMMAND_ERROR_IS_FATAL ANY)

file(CHMOD_RECURSE "${usr}"
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ
    DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
