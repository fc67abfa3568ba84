option(YOKE_PCH "precompile the headers that most sources of a room include: a third less time" ON)
set(YOKE_PCH_STANDARD <algorithm> <array> <atomic> <chrono> <cstdint> <functional> <map> <memory> <mutex> <optional> <span> <string>
    <string_view> <thread> <vector> <fmt/format.h>)

# yoke_pch(TARGET header...): those and the standard ones.
function(yoke_pch TARGET)
  if(YOKE_PCH)
    target_precompile_headers(${TARGET} PRIVATE ${YOKE_PCH_STANDARD} ${ARGN})
  endif()
endfunction()

# yoke_room(NAME [ROOMS room...] [USES target...] [PROTO file] [MAIN program] [PCH header...])
# One folder is one static library yoke_NAME. Sources are every .cpp below the folder, so a new file needs no
# edit here; main.cpp is kept out of the library and becomes the program named by MAIN.
function(yoke_room NAME)
  cmake_parse_arguments(ROOM "" "MAIN;PROTO" "ROOMS;USES;PCH" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${NAME}/*.cpp")
  list(REMOVE_ITEM sources "${PROJECT_SOURCE_DIR}/${NAME}/main.cpp")
  if(NOT sources)
    add_library(yoke_${NAME} INTERFACE)
    set(scope INTERFACE)
  else()
    add_library(yoke_${NAME} STATIC ${sources})
    set(scope PUBLIC)
  endif()
  target_include_directories(yoke_${NAME} ${scope} "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}/generated")
  target_link_libraries(yoke_${NAME} ${scope} Threads::Threads ${ROOM_USES})
  foreach(room IN LISTS ROOM_ROOMS)
    target_link_libraries(yoke_${NAME} ${scope} yoke_${room})
  endforeach()
  if(ROOM_PROTO)
    yoke_proto(yoke_${NAME} "${ROOM_PROTO}")
  endif()
  if(ROOM_PCH)
    yoke_pch(yoke_${NAME} ${ROOM_PCH})
  endif()
  if(ROOM_MAIN AND EXISTS "${PROJECT_SOURCE_DIR}/${NAME}/main.cpp")
    add_executable(${ROOM_MAIN} "${PROJECT_SOURCE_DIR}/${NAME}/main.cpp")
    target_link_libraries(${ROOM_MAIN} PRIVATE yoke_${NAME})
  endif()
endfunction()

# Generates FILE.pb.{h,cc} under build/generated, in the folder of the .proto.
function(yoke_proto TARGET FILE)
  get_filename_component(folder "${FILE}" DIRECTORY)
  get_filename_component(stem "${FILE}" NAME_WE)
  set(out "${PROJECT_BINARY_DIR}/generated/${folder}/${stem}.pb")
  file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/generated/${folder}")
  add_custom_command(
    OUTPUT "${out}.cc" "${out}.h"
    COMMAND protobuf::protoc --proto_path=${PROJECT_SOURCE_DIR} --cpp_out=${PROJECT_BINARY_DIR}/generated
            ${PROJECT_SOURCE_DIR}/${FILE}
    DEPENDS "${PROJECT_SOURCE_DIR}/${FILE}")
  target_sources(${TARGET} PRIVATE "${out}.cc" "${out}.h")
  add_custom_target(${TARGET}_proto DEPENDS "${out}.h")
  add_dependencies(${TARGET} ${TARGET}_proto)
endfunction()
