# [way]
add_subdirectory("${KEEL_SOURCE}" keel)
# [/way]
