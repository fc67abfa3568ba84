// The compiled CUDA kernels that this program carries: one image for each kernels/cuda/NAME.cu, an uncompressed fatbin with SASS for
// sm_121a and sm_90a and the PTX of both (NAME_sm121: sm_121a alone). cuModuleLoadData takes its first byte. Any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace yoke::kernels::cuda {

struct Image {
  std::string_view name;  // of the file, without .cu
  std::span<const std::byte> fatbin;
};

std::span<const Image> images();   // empty in a build without CUDA kernels,
std::string_view images_absent();  // of which this says why, and the remedy; else empty

}  // namespace yoke::kernels::cuda
