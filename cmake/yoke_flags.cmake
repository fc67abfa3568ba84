# One set of compiler flags for every room. docs/bits.md rests on the floating-point ones.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(YOKE_CCACHE ccache)
if(YOKE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Sloppy about what precompiled headers make it unsure of: without these words ccache keeps nothing that uses one.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND};-E;env;CCACHE_SLOPPINESS=pch_defines,time_macros;${YOKE_CCACHE}")
endif()
find_program(YOKE_MOLD mold)
if(YOKE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# The contract of bits: no contraction of a*b+c, no fast-math. -Werror=switch: an enum is switched, not counted.
add_compile_options(-ffp-contract=off -fno-fast-math -Wall -Wextra -Wno-missing-field-initializers -Werror=switch -Werror=return-type)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-fpch-preprocess)  # for ccache
endif()
if(YOKE_SANITIZE)
  add_compile_options(-fsanitize=${YOKE_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${YOKE_SANITIZE})
  if(YOKE_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()
