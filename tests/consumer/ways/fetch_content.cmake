# [way]
include(FetchContent)
FetchContent_Declare(keel GIT_REPOSITORY "${KEEL_REPOSITORY}" GIT_TAG v0.1.0)
FetchContent_MakeAvailable(keel)
# [/way]
