// A build without CUDA kernels: cmake/yoke_cuda.cmake says why.
#include "kernels/cuda/images.h"

#ifdef YOKE_CUDA_ABSENT

namespace yoke::kernels::cuda {

std::span<const Image> images() { return {}; }
std::string_view images_absent() { return YOKE_CUDA_ABSENT; }

}  // namespace yoke::kernels::cuda

#endif
