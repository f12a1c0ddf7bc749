# Compiles SOURCE with -DCASE_<CASE>; it must fail and say WORDS. The case `none` must compile, so that a failure
# of the others is their own.

execute_process(
    COMMAND ${COMPILER} -std=c++20 -fsyntax-only -I${INCLUDE} -DCASE_${CASE} ${SOURCE}
    RESULT_VARIABLE status
    ERROR_VARIABLE said)

if(CASE STREQUAL "none")
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "the case without misuse does not compile:\n${said}")
    endif()
elseif(status EQUAL 0)
    message(FATAL_ERROR "${CASE} compiles, and must not")
else()
    # The compiler may break lines and quotes; words are compared without them.
    string(REGEX REPLACE "[\"\n ]+" " " said "${said}")
    string(FIND "${said}" "${WORDS}" found)
    if(found EQUAL -1)
        message(FATAL_ERROR "${CASE} does not compile, but the message lacks \"${WORDS}\":\n${said}")
    endif()
endif()
