# What only our own build uses: warnings, sanitizers, the compiler cache. Consumers see none of it.

add_library(keel_development INTERFACE)
if(PROJECT_IS_TOP_LEVEL)
    target_compile_options(keel_development INTERFACE
        -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Woverloaded-virtual -Werror
        # At -O2, g++ 12 inlines Asio's recycling of memory into one branch that could not be taken, and warns of it.
        $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>)
endif()
if(KEEL_BUILD_TESTS)
    # Only where nothing is shipped: users may compile Asio's inline functions otherwise, and they must be the same.
    target_compile_definitions(keel_development INTERFACE BOOST_ASIO_NO_DEPRECATED)
endif()

set(KEEL_SANITIZE "" CACHE STRING "Sanitizers for Keel's own build: empty, address or thread")
if(KEEL_SANITIZE STREQUAL "address")
    add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=address,undefined)
    # Recycled blocks stay addressable, so a use after free would go unseen.
    add_compile_definitions(BOOST_ASIO_DISABLE_SMALL_BLOCK_RECYCLING BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING)
elseif(KEEL_SANITIZE STREQUAL "thread")
    add_compile_options(-fsanitize=thread)
    add_link_options(-fsanitize=thread)
    # Asio's fences are what GCC's thread sanitizer does not understand.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        add_compile_options(-Wno-tsan)
    endif()
elseif(KEEL_SANITIZE)
    message(FATAL_ERROR "KEEL_SANITIZE is '${KEEL_SANITIZE}'; allowed are empty, address and thread")
endif()

if(PROJECT_IS_TOP_LEVEL)
    find_program(KEEL_CCACHE ccache)
    if(KEEL_CCACHE)
        set(CMAKE_CXX_COMPILER_LAUNCHER "${KEEL_CCACHE}")
    endif()
endif()
