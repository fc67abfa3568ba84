# The CUDA kernels. YOKE_CUDA=AUTO builds them where nvcc is found, ON demands it, OFF leaves them out: then, as without nvcc, the
# table of images is empty and says why (kernels/cuda/images_absent.cpp).
#
# One call of nvcc makes of kernels/cuda/NAME.cu, under cuda/NAME in the build folder: the PTX and the cubin of each architecture,
# NAME.fatbin (uncompressed, with both of both: kernels/cuda/images.h) and NAME.ptxas, what ptxas says of registers and spills.
# NAME_sm121.cu is made for sm_121a alone. CMake's own CUDA language is not used: it wants a host compiler's half that we do not have.
set(YOKE_CUDA AUTO CACHE STRING "CUDA kernels: AUTO, ON or OFF")
set_property(CACHE YOKE_CUDA PROPERTY STRINGS AUTO ON OFF)
if(YOKE_CUDA STREQUAL "OFF")
  set(YOKE_CUDA_ABSENT "this build was configured with YOKE_CUDA=OFF: configure with -DYOKE_CUDA=AUTO")
else()
  find_program(YOKE_NVCC nvcc HINTS "$ENV{CUDA_HOME}/bin" "$ENV{CUDA_PATH}/bin" /usr/local/cuda/bin /usr/local/cuda-13/bin /opt/cuda/bin)
  set(YOKE_CUDA_ABSENT "no nvcc where this was built: install CUDA 13.0 or later and configure again")
  if(YOKE_NVCC)
    execute_process(COMMAND "${YOKE_NVCC}" --version OUTPUT_VARIABLE version ERROR_QUIET)
    string(REGEX MATCH "release ([0-9]+\\.[0-9]+)" matched "${version}")
    if(CMAKE_MATCH_1 VERSION_GREATER_EQUAL 13.0)
      set(YOKE_CUDA_ABSENT "")
    else()
      set(YOKE_CUDA_ABSENT "${YOKE_NVCC} is release '${CMAKE_MATCH_1}': install CUDA 13.0 or later and configure again")
    endif()
  endif()
  if(YOKE_CUDA STREQUAL "ON" AND YOKE_CUDA_ABSENT)
    message(FATAL_ERROR "YOKE_CUDA=ON: ${YOKE_CUDA_ABSENT}")
  endif()
endif()

# Products and sums are rounded one by one, as on the CPU (docs/bits.md); what is meant as one fma says fmaf.
set(YOKE_NVCC_FLAGS -std=c++20 -O3 -fmad=false --expt-relaxed-constexpr -Xptxas -v -Xptxas --warn-on-spills -Xptxas --warn-on-local-memory-usage
    --compress-mode=none -fatbin)

# yoke_cuda_image(NAME SOURCE): the rule that makes cuda/NAME/NAME.fatbin.
function(yoke_cuda_image NAME SOURCE)
  set(folder "${PROJECT_BINARY_DIR}/cuda/${NAME}")
  file(MAKE_DIRECTORY "${folder}")
  set(targets "-gencode=arch=compute_121a,code=[compute_121a,sm_121a]")
  if(NOT NAME MATCHES "_sm121$")
    list(APPEND targets "-gencode=arch=compute_90a,code=[compute_90a,sm_90a]")
  endif()
  add_custom_command(
    OUTPUT "${folder}/${NAME}.fatbin"
    COMMAND "${CMAKE_COMMAND}" "-DLOG=${folder}/${NAME}.ptxas" "-DFOLDER=${folder}" -P "${PROJECT_SOURCE_DIR}/cmake/run_nvcc.cmake" --
            "${YOKE_NVCC}" ${YOKE_NVCC_FLAGS} ${targets} "-I${PROJECT_SOURCE_DIR}" --keep --keep-dir "${folder}"
            -MD -MF "${folder}/${NAME}.d" -MT "${folder}/${NAME}.fatbin" -o "${folder}/${NAME}.fatbin" "${SOURCE}"
    DEPENDS "${SOURCE}" "${PROJECT_SOURCE_DIR}/cmake/run_nvcc.cmake"
    DEPFILE "${folder}/${NAME}.d"
    COMMENT "nvcc ${NAME}.cu"
    VERBATIM)
endfunction()

# yoke_cuda(TARGET FOLDER): makes every .cu of FOLDER and gives the images to TARGET.
function(yoke_cuda TARGET FOLDER)
  if(YOKE_CUDA_ABSENT)
    set_source_files_properties("${PROJECT_SOURCE_DIR}/${FOLDER}/images_absent.cpp" PROPERTIES
      COMPILE_DEFINITIONS "YOKE_CUDA_ABSENT=\"${YOKE_CUDA_ABSENT}\"")
    message(STATUS "CUDA kernels: left out, ${YOKE_CUDA_ABSENT}")
    return()
  endif()
  set_source_files_properties("${PROJECT_SOURCE_DIR}/${FOLDER}/images_absent.cpp" PROPERTIES HEADER_FILE_ONLY ON)
  file(GLOB sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${FOLDER}/*.cu")
  set(embedded "")
  set(rows "")
  set(images "")
  foreach(source IN LISTS sources)
    get_filename_component(name "${source}" NAME_WE)
    yoke_cuda_image("${name}" "${source}")
    set(image "${PROJECT_BINARY_DIR}/cuda/${name}/${name}.fatbin")
    list(APPEND images "${image}")
    string(APPEND embedded "YOKE_IMAGE(${name}, \"${image}\")\n")
    string(APPEND rows "    YOKE_ROW(${name}),\n")
  endforeach()
  configure_file("${PROJECT_SOURCE_DIR}/cmake/cuda_images.cpp.in" "${PROJECT_BINARY_DIR}/generated/kernels/cuda/images.cpp" @ONLY)
  set_source_files_properties("${PROJECT_BINARY_DIR}/generated/kernels/cuda/images.cpp" PROPERTIES OBJECT_DEPENDS "${images}")
  target_sources(${TARGET} PRIVATE "${PROJECT_BINARY_DIR}/generated/kernels/cuda/images.cpp")
  message(STATUS "CUDA kernels: ${YOKE_NVCC}")
endfunction()
